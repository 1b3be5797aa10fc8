"""Flask in the process of its own tests."""

import http.client
import json

import tidegate
from flask import Flask, jsonify, request


def test_flask_is_asked_by_a_client_beside_it():
    """What the application keeps is there for the test to look at."""
    app, seen = Flask(__name__), []

    @app.post("/items")
    def add():
        seen.append(request.get_json())
        return jsonify(count=len(seen), url=request.base_url), 201

    with tidegate.serving(app, http="127.0.0.1:0", threads=2) as server:
        client = http.client.HTTPConnection(server.address("http"), timeout=30)
        for count in (1, 2):
            headers = {"Content-Type": "application/json"}
            client.request("POST", "/items", json.dumps({"n": count}), headers)
            response = client.getresponse()
            told = json.loads(response.read())
            assert (response.status, told["count"]) == (201, count)
            assert told["url"] == f"http://{server.address('http')}/items"
        client.request("GET", "/nothing")
        assert client.getresponse().status == 404
        client.close()
    assert seen == [{"n": 1}, {"n": 2}]
