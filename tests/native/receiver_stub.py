#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# usage: receiver_stub.py PORT DIRECTORY
#
# A webhook that keeps what it is sent: a line of DIRECTORY/taken for each request that it answers well, with the header
# Authorization and the document. DIRECTORY/behaviour says what it does with the next: ok, 500, 400, redirect, silent
# (no answer), huge (a body without end), header (a header without end), garbage (no HTTP). With TLS_FILE, a certificate and its
# key, it speaks TLS.
import json
import os
import socket
import ssl
import sys
import threading

port, directory = int(sys.argv[1]), sys.argv[2]
lock = threading.Lock()


def behaviour():
    try:
        with open(os.path.join(directory, "behaviour")) as f:
            return f.read().strip() or "ok"
    except FileNotFoundError:
        return "ok"


def note(name, text):
    with lock, open(os.path.join(directory, name), "a") as f:
        f.write(text + "\n")


def read_request(c):
    data = b""
    while b"\r\n\r\n" not in data:
        more = c.recv(65536)
        if not more:
            return None, None
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    headers = {}
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.decode().partition(":")
        headers[key.strip().lower()] = value.strip()
    while len(body) < int(headers.get("content-length", "0")):
        body += c.recv(65536)
    headers["request"] = head.split(b"\r\n")[0].decode()
    return headers, body


def endless(c, chunk):
    try:
        while True:
            c.sendall(chunk)
    except OSError:
        pass


def serve(c):
    try:
        headers, body = read_request(c)
        if headers is None:
            return
        how = behaviour()
        note("seen", how)
        if how in ("ok", "huge"):
            note("taken", json.dumps({"request": headers["request"], "type": headers.get("content-type"),
                                      "authorization": headers.get("authorization"), "body": json.loads(body)}))
        if how == "ok":
            c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        elif how in ("500", "400"):
            c.sendall(b"HTTP/1.1 " + how.encode() + b" No\r\nContent-Length: 0\r\n\r\n")
        elif how == "redirect":
            c.sendall(b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:%d/elsewhere\r\nContent-Length: 0\r\n\r\n" % port)
        elif how == "silent":
            c.recv(1)
        elif how == "huge":
            c.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            endless(c, b"x" * 65536)
        elif how == "header":
            c.sendall(b"HTTP/1.1 200 OK\r\n")
            endless(c, b"X: " + b"y" * 60000 + b"\r\n")
        elif how == "garbage":
            endless(c, b"\x00\xff\x16\x03" * 1024)
    except OSError:
        pass
    finally:
        c.close()


def accepted(connection):
    if context:
        try:
            connection = context.wrap_socket(connection, server_side=True)
        except OSError:
            return
    serve(connection)


context = None
if os.environ.get("TLS_FILE"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["TLS_FILE"])
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen(16)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=accepted, args=(connection,), daemon=True).start()
