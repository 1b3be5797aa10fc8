"""environ: a real dict, its keys and values, and what never enters it."""

import json
from importlib.metadata import version


def show(environ, start_response):
    """Answers with the environ as JSON, after it has checked the types."""
    import json

    assert type(environ) is dict
    told = {}
    for key, value in environ.items():
        assert type(key) is str
        if key.startswith(("wsgi.", "tidegate.")):
            told[key] = repr(value)
        else:
            assert type(value) is str, (key, value)
            assert value.encode("latin-1").decode("latin-1") == value
            told[key] = value
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]


def environ_of(client, method="GET", target="/", headers=(), body=b"", **variables):
    response = client.ask(method, target, headers, body, **variables)
    assert response.status == "200 OK", response
    return json.loads(response.body)


def test_it_is_a_real_dict_of_str(serve):
    """Exactly dict, and exactly str, of latin-1 code points alone."""
    told = environ_of(serve(show, "application = show"), target="/a?b", headers=[("X-Tide", "high")])
    assert told["HTTP_X_TIDE"] == "high"


def test_the_request_line_is_in_it(serve):
    """Each variable of the request's first line."""
    told = environ_of(serve(show, "application = show"), "POST", "/path/x?query=1&b=%20", body=b"123")
    assert told["REQUEST_METHOD"] == "POST"
    assert told["PATH_INFO"] == "/path/x"
    assert told["QUERY_STRING"] == "query=1&b=%20"
    assert told["CONTENT_LENGTH"] == "3"
    assert told["SERVER_PROTOCOL"] == "HTTP/1.1"


def test_script_name_and_path_info_are_always_there(start, folder):
    """Though nginx's own uwsgi_params have no SCRIPT_NAME: wsgiref.validate, for one, stumbles where it is absent."""
    folder({"app.py": [show, "application = show"]})
    server = start("app", listeners=["uwsgi", "http", "fastcgi", "scgi"])
    for listener in server.listeners.values():
        told = json.loads(listener.ask("GET", "/path").body)
        assert (told["SCRIPT_NAME"], told["PATH_INFO"]) == ("", "/path"), listener.scheme


def test_the_server_has_a_name_and_a_port(serve):
    """Neither is ever empty."""
    told = environ_of(serve(show, "application = show"), headers=[("Host", "tide.example:8123")])
    assert told["SERVER_NAME"] and told["SERVER_PORT"].isdigit()
    assert told["HTTP_HOST"] == "tide.example:8123"


def test_an_empty_name_and_port_are_taken_from_the_host(start, folder):
    """nginx sends an empty SERVER_NAME where the configuration has none."""
    folder({"app.py": [show, "application = show"]})
    server = start("app", listeners=["uwsgi"])
    response = server.listeners["uwsgi"].ask(
        "GET", "/", [("Host", "sea:81")], b"", {"SERVER_NAME": "", "SERVER_PORT": ""}
    )
    told = json.loads(response.body)
    assert (told["SERVER_NAME"], told["SERVER_PORT"]) == ("sea", "81")


def test_headers_are_http_variables(serve):
    """Each as one str, the repeated ones joined."""
    headers = [("Accept", "a"), ("Accept", "b"), ("Cookie", "x=1"), ("Cookie", "y=2"), ("User-Agent", "me")]
    told = environ_of(serve(show, "application = show"), headers=headers)
    assert told["HTTP_ACCEPT"] == "a, b"
    assert told["HTTP_COOKIE"] == "x=1; y=2"
    assert told["HTTP_USER_AGENT"] == "me"


def test_content_type_and_length_have_no_http_before_them(serve):
    """And no copies."""
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "2")]
    told = environ_of(serve(show, "application = show"), "POST", "/", headers, b"ab")
    assert (told["CONTENT_TYPE"], told["CONTENT_LENGTH"]) == ("text/plain; charset=utf-8", "2")
    assert "HTTP_CONTENT_TYPE" not in told and "HTTP_CONTENT_LENGTH" not in told


def test_without_a_body_length_and_type_are_empty_or_absent(serve):
    """Nothing else is."""
    told = environ_of(serve(show, "application = show"))
    assert told.get("CONTENT_LENGTH", "") in ("", "0")
    assert told.get("CONTENT_TYPE", "") == ""


def test_values_are_latin_1_of_the_bytes(serve):
    """UTF-8 in the path and the headers comes as its bytes do, and so do bytes that are no UTF-8."""
    client = serve(show, "application = show")
    told = environ_of(client, target="/caf%C3%A9/%FF%80", headers=[("X-Name", "caf\u00e9 \u00ff")])
    assert told["PATH_INFO"].encode("latin-1") == "/caf\u00e9/".encode() + b"\xff\x80"
    assert told["HTTP_X_NAME"] == "caf\u00e9 \u00ff"


def test_the_path_is_decoded_once(serve):
    """A percent sign that was encoded stays one."""
    told = environ_of(serve(show, "application = show"), target="/100%2525?%2525")
    assert (told["PATH_INFO"], told["QUERY_STRING"]) == ("/100%25", "%2525")


def test_the_wsgi_keys(serve, any_threads):
    """All that PEP 3333 lists, and input_terminated."""

    def application(environ, start_response):
        assert environ["wsgi.version"] == (1, 0) and type(environ["wsgi.version"]) is tuple
        assert environ["wsgi.url_scheme"] == "http" and type(environ["wsgi.url_scheme"]) is str
        assert environ["wsgi.multiprocess"] is False
        assert environ["wsgi.run_once"] is False
        assert environ["wsgi.input_terminated"] is True
        assert all(
            hasattr(environ["wsgi.input"], name) for name in ("read", "readline", "readlines", "__iter__")
        )
        assert all(hasattr(environ["wsgi.errors"], name) for name in ("flush", "write", "writelines"))
        assert callable(environ["wsgi.file_wrapper"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [repr(environ["wsgi.multithread"]).encode()]

    assert serve(application).get().body == repr(any_threads > 1).encode()


def test_the_url_scheme_is_https_where_the_front_end_says_so(start, folder):
    """By HTTPS or REQUEST_SCHEME, of a front end that speaks uwsgi."""
    folder({"app.py": [show, "application = show"]})
    listener = start("app", listeners=["uwsgi"]).listeners["uwsgi"]
    for variables in ({"HTTPS": "on"}, {"REQUEST_SCHEME": "https"}):
        told = json.loads(listener.ask("GET", "/", extra=variables).body)
        assert told["wsgi.url_scheme"] == "'https'"


def test_the_servers_own_keys_have_its_prefix(serve):
    """Whatever is not a variable of CGI or a header is wsgi.'s or tidegate.'s."""
    told = environ_of(serve(show, "application = show"))
    assert {key.split(".")[0] for key in told if key != key.upper()} == {"wsgi", "tidegate"}


def test_the_version_is_that_of_the_installed_package(serve):
    """tidegate.version."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        assert type(environ["tidegate.version"]) is str
        return [environ["tidegate.version"].encode()]

    assert serve(application).get().body.decode() == version("tidegate")


def test_the_url_can_be_put_together_again(serve):
    """As PEP 3333 does it."""

    def application(environ, start_response):
        from wsgiref.util import request_uri

        start_response("200 OK", [("Content-Type", "text/plain")])
        return [request_uri(environ).encode()]

    client = serve(application)
    response = client.ask("GET", "/a%20b/%C3%A9?c=d%26", [("Host", "tide.example:8123")])
    assert response.body == b"http://tide.example:8123/a%20b/%C3%A9?c=d%26"


def test_each_request_has_an_environ_of_its_own(serve):
    """What an application puts into it, or takes out, is seen by no other request."""

    def application(environ, start_response):
        keys = ",".join(sorted(environ))
        environ["mine"] = "x"
        for key in ("wsgi.version", "wsgi.input", "REQUEST_METHOD", "SERVER_NAME"):
            del environ[key]
        environ["wsgi.errors"] = None
        kept.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [keys.encode()]

    client = serve("kept = []", application)
    first = client.get().body
    assert b"wsgi.version" in first and b"mine" not in first
    assert client.get().body == first


def test_the_process_environment_never_enters_it(serve):
    """Unlike in CGI."""
    client = serve(
        show, "application = show", environment={"TIDE_SECRET": "deep"}, options=["--env=TIDE_TWO=x"]
    )
    told = environ_of(client)
    assert "TIDE_SECRET" not in told and "TIDE_TWO" not in told and "PATH" not in told and "HOME" not in told


def test_a_proxy_header_never_enters_it(serve):
    """HTTP_PROXY would direct an application's own requests."""
    told = environ_of(serve(show, "application = show"), headers=[("Proxy", "http://evil")])
    assert "HTTP_PROXY" not in told


def test_no_variable_takes_the_place_of_the_servers_own(start, folder):
    """A peer that speaks uwsgi cannot set wsgi.* nor tidegate.*, by any spelling of a header."""
    folder({"app.py": [show, "application = show"]})
    listener = start("app", listeners=["uwsgi"]).listeners["uwsgi"]
    names = [
        "version",
        "url_scheme",
        "input",
        "errors",
        "multithread",
        "run_once",
        "input_terminated",
        "file_wrapper",
    ]
    variables = {f"wsgi.{name}": "evil" for name in names}
    variables.update({"tidegate.disconnected": "evil", "tidegate.version": "evil", "wsgi.nothing": "evil"})
    response = listener.ask("GET", "/", extra=variables)
    assert response.status == "200 OK" and b"evil" not in response.body.replace(
        b"wsgi.nothing", b""
    ), response


def test_variables_are_inert(start, folder, tmp_path):
    """What makes uWSGI load code, change directory or set variables is text here."""
    folder({"app.py": [show, "application = show"], "evil.py": "open('loaded', 'w')\napplication = None"})
    listener = start("app", listeners=["uwsgi"]).listeners["uwsgi"]
    path = str(tmp_path / "evil.py")
    variables = {
        "UWSGI_FILE": path,
        "UWSGI_SCRIPT": "evil",
        "UWSGI_MODULE": "evil",
        "UWSGI_CALLABLE": "application",
        "UWSGI_SETENV": "A=b",
        "UWSGI_CHDIR": "/",
        "UWSGI_PYHOME": "/",
    }
    told = json.loads(listener.ask("GET", "/", extra=variables).body)
    assert told["UWSGI_FILE"] == path
    assert not (tmp_path / "loaded").exists()


def test_it_may_be_kept_after_the_request(serve):
    """Its objects still work, or say that it is over, when others have been served."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        kept.append(environ)
        if len(kept) < 20:
            return [b"kept"]
        for old in kept[:-1]:
            assert old["PATH_INFO"] == "/kept"
            assert old["wsgi.input"].read() == b"input"
            old["wsgi.errors"].write("")
            old["wsgi.errors"].flush()
            assert old["tidegate.disconnected"]() in (True, False)
        return [b"all there"]

    client = serve("kept = []", application)
    for _ in range(19):
        assert client.post("/kept", b"input").body == b"kept"
    assert client.post("/last", b"input").body == b"all there"
