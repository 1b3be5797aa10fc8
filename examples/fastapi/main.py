"""An application as FastAPI's tutorial begins."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/api/items/{number}")
async def item(number: int, q: str | None = None):
    return {"number": number, "q": q}
