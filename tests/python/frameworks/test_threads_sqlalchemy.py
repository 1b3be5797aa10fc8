"""SQLAlchemy's scoped_session is the thread's: remove() at a request's end takes away no other request's session."""

import sqlite3

from support.readers import read_together
from support.waiting import eventually

ROWS = 96
APPLICATION = """
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, scoped_session, sessionmaker

Session = scoped_session(sessionmaker(create_engine("sqlite:///tide.sqlite3")))
ended = []


class Base(DeclarativeBase):
    pass


class Reading(Base):
    __tablename__ = "reading"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/stream":
        return stream(environ["QUERY_STRING"])
    if environ["PATH_INFO"] == "/ended":
        return [" ".join(ended).encode()]
    try:
        return [str(len(Session.scalars(select(Reading)).all())).encode()]
    finally:
        Session.remove()


def stream(word):
    session = Session()
    session.info["word"] = word
    try:
        for row in session.scalars(select(Reading).order_by(Reading.id).execution_options(yield_per=10)):
            own = Session() is session
            yield f"{own} {Session().info.get('word')} {row.text}".encode()
    finally:
        Session.remove()
        ended.append(word)
"""


def text(number):
    """Of a row."""
    return f"{number} ".ljust(16_384, "-")


def stream(word):
    """What the application yields for this word."""
    return "".join(f"True {word} {text(number)}" for number in range(ROWS)).encode()


def make_readings(path):
    """A database of so many rows."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE reading (id INTEGER PRIMARY KEY, text TEXT)")
        database.executemany("INSERT INTO reading (text) VALUES (?)", [(text(n),) for n in range(ROWS)])
    database.close()


def begin(client, word):
    """A stream of which a reader has taken a little: it stands between two chunks."""
    asked = client.send("GET", f"/stream?{word}")
    asked.read_until(b"True %s 0 ---" % word.encode())
    return asked


def test_a_session_stays_while_others_are_removed(threaded, tmp_path):
    """Two streams that are read slowly keep theirs to the end, whoever calls remove() meanwhile."""
    make_readings(tmp_path / "tide.sqlite3")
    client = threaded(APPLICATION)
    slow = [begin(client, "ebb"), begin(client, "flow")]
    fast = [client.send("GET", "/count") for _ in range(8)]
    ebb, flow, *counts = read_together(slow, fast)
    assert ebb.is_complete and ebb.body == stream("ebb")
    assert flow.is_complete and flow.body == stream("flow")
    assert [count.body for count in counts] == [b"%d" % ROWS] * 8


def test_a_reader_that_leaves_takes_its_own_session(threaded, tmp_path):
    """The stream beside it keeps its own."""
    make_readings(tmp_path / "tide.sqlite3")
    client = threaded(APPLICATION)
    leaves, stays = begin(client, "leaves"), begin(client, "stays")
    leaves.close()
    eventually("it has ended", lambda: b"leaves" in client.get("/ended").body)
    (response,) = read_together([stays])
    assert response.is_complete and response.body == stream("stays")
