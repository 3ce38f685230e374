"""Who is let in, what is answered, what is refused before it is read."""

import http.client
import json
import socket
import threading

import pytest

from nnmat.calculus.serving.server import HOST, LARGEST, QUESTIONS, CalculusServer

QUESTION = json.dumps({"expression": "x.T @ A @ x", "wrt": "x"})
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server():
    with CalculusServer() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def asked(server, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer, answer.read().decode("utf-8")
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "kind", "part"),
    [("/", "text/html", "<form"), ("/style.css", "text/css", "math .on"), ("/page.js", "text/javascript", "fetch")],
)
def test_the_page_and_its_files(server, path, kind, part):
    answer, text = asked(server, "GET", path)
    assert (answer.status, answer.headers.get_content_type()) == (200, kind)
    assert part in text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_question(server):
    answer, text = asked(server, "POST", "/derive", QUESTION, JSON)
    assert answer.status == 200
    assert "<article" in json.loads(text)["html"]


@pytest.mark.parametrize("path", ["/../server.py", "/page.html", "/%2f", "/%2e%2e/", "/derive"])
def test_nothing_else_is_handed_out(server, path):
    assert asked(server, "GET", path)[0].status == 404


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Host": "evil.example"}, QUESTION, 403),
        ({"Origin": "http://evil.example"}, QUESTION, 403),
        ({"Origin": "null"}, QUESTION, 403),
        ({"Content-Type": "text/plain"}, QUESTION, 415),
        ({}, " " * (LARGEST + 1), 413),
        ({"Content-Length": "-1"}, None, 413),
        ({}, "{", 400),
        ({}, "[" * 50_000, 400),
        ({}, b"\xff\xfe\x00", 400),
    ],
)
def test_what_is_refused(server, headers, body, status):
    answer, text = asked(server, "POST", "/derive", body, JSON | headers)
    assert answer.status == status
    assert "Traceback" not in text


def test_an_unknown_question(server):
    assert asked(server, "POST", "/unknown", QUESTION, JSON)[0].status == 404


def test_its_own_page_is_let_in_by_either_name(server):
    for name in (HOST, "localhost"):
        own = {"Host": f"{name}:{server.server_port}", "Origin": f"http://{name}:{server.server_port}"}
        assert asked(server, "POST", "/derive", QUESTION, JSON | own)[0].status == 200


def test_several_at_once(server):
    found = []

    def one():
        found.append(asked(server, "POST", "/derive", QUESTION, JSON)[1])

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all("<article" in text for text in found)


def test_only_this_machine_is_listened_to(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/"
    with socket.create_connection((HOST, server.server_port), timeout=5):
        pass


def test_a_head_is_a_get_without_its_body(server):
    whole, page = asked(server, "GET", "/")
    answer, text = asked(server, "HEAD", "/")
    assert (answer.status, text) == (200, "")
    assert answer.headers["Content-Length"] == whole.headers["Content-Length"] == str(len(page.encode()))
    assert asked(server, "HEAD", "/nothing")[0].status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FROB"])
def test_other_methods_are_told_which_there_are(server, method):
    answer, text = asked(server, method, "/")
    assert (answer.status, answer.headers["Allow"], text) == (405, "GET, HEAD, POST", "Expected GET, HEAD, POST.\n")


def said(server, sent):
    """What comes back for bytes that are no request, or half of one."""
    with socket.create_connection((HOST, server.server_port), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


@pytest.mark.parametrize("sent", [b"nonsense / / / /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"x" * 70_000])
def test_what_is_no_request_gets_a_plain_answer(server, sent):
    assert "<" not in said(server, sent)
    assert said(server, sent)


def test_half_a_body_is_not_waited_for_for_ever(server, monkeypatch):
    own = f"POST /derive HTTP/1.1\r\nHost: {HOST}:{server.server_port}\r\nContent-Type: application/json\r\n"
    half = (own + "Content-Length: 90\r\n\r\n{").encode()
    assert "400 Bad Request" in said(server, half)
    monkeypatch.setattr("nnmat.calculus.serving.server._Handler.timeout", 0.2)
    with socket.create_connection((HOST, server.server_port), timeout=20) as connection:
        connection.sendall(half)
        assert b"408 Request Timeout" in connection.recv(65536)


def test_a_body_that_is_far_too_large_is_answered(server):
    answer, text = asked(server, "POST", "/derive", b" " * (40 * LARGEST), JSON)
    assert answer.status == 413
    assert "Expected at most" in text


ODD = {
    **{"expression": ["\ud800", "x\0.T @ x", "x.T @ x\0", "(" * 3000 + "x", "-" * 3000 + "x", "a ** (10 ** 400)"]},
    **{"wrt": ["\ud800", "x\0", "x" * 15_000, "all", "1", "λ", "x\u202e"]},
    **{
        "shape": ["x=\ud800", "x=N,\0", "x=M,N,K", "x=0", "x=-3", "x=" + "9" * 99, "x=N\n" * 2, "=", "x==", ",", "x=(N"]
    },
    **{
        "let": ["\ud800 = x", "x = x", "y = y", "a = b\nb = a", "=" * 99],
        "symmetric": ["\ud800"],
        "lines": ["\ud800", "\0"],
    },
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in ODD.items() for value in values])
def test_odd_fields_are_answered_with_a_sentence(server, field, value):
    question = {"expression": "x.T @ x", "wrt": "x"} | {field: value}
    for path, more in (("/derive", {}), ("/grade", {"lines": "df = 2 * x.T @ dx"})):
        answer, text = asked(server, "POST", path, json.dumps(more | question), JSON)
        assert answer.status == 200
        found = json.loads(text)
        assert {"html", "error", "verdict"} & {*found}
        if "error" in found:
            assert ":" in found["error"]


BODIES = ["null", "3", '"x"', "NaN", "[]", "{}", '{"expression": NaN, "wrt": "x"}', '{"expression": ["x"], "wrt": {}}']


@pytest.mark.parametrize("body", [*BODIES, '{"wrt":"a","wrt":"b"}', b'{"wrt":"\xed\xa0\x80"}', "", b"\xff", "[" * 9999])
@pytest.mark.parametrize("path", ["/derive", "/grade"])
def test_odd_bodies_are_answered(server, path, body):
    answer, text = asked(server, "POST", path, body, JSON)
    assert (answer.status, text[:1]) in ((200, "{"), (400, "E"))


@pytest.mark.parametrize("fault", [RuntimeError("inside"), RecursionError(), KeyError("x"), MemoryError()])
def test_a_fault_inside_is_told_and_the_server_goes_on(server, monkeypatch, capsys, fault):
    def broken(asked):
        raise fault

    monkeypatch.setitem(QUESTIONS, "/derive", broken)
    answer, text = asked(server, "POST", "/derive", QUESTION, JSON)
    assert (answer.status, answer.headers.get_content_type()) == (500, "text/plain")
    assert text.startswith("This could not be answered")
    assert "Traceback" not in text
    assert type(fault).__name__ in capsys.readouterr().err
    monkeypatch.setitem(QUESTIONS, "/derive", lambda asked: {"html": object()})
    assert asked(server, "POST", "/derive", QUESTION, JSON)[0].status == 500
    assert asked(server, "GET", "/")[0].status == 200
