"""Who is let in, what is answered, what is refused before it is read."""

import http.client
import json
import socket
import threading

import pytest

from nnmat.calculus.serving.server import HOST, LARGEST, CalculusServer

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
