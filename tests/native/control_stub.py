#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# usage: control_stub.py SOCKET DIRECTORY
#
# Answers on a socket as gomemd does, one request a connection: with the file DIRECTORY/VERB.json as it is then, and
# writes each request as a line of DIRECTORY/requests. What the daemon says of tenants is so at the test's will.
import os
import socket
import sys
import json

path, directory = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(path)
listener.listen(16)
while True:
    client, _ = listener.accept()
    with client:
        line = client.makefile("rb").readline()
        with open(os.path.join(directory, "requests"), "ab") as log:
            log.write(line)
        verb = json.loads(line)["verb"]
        try:
            with open(os.path.join(directory, verb + ".json"), "rb") as answer:
                client.sendall(answer.read())
        except FileNotFoundError:
            client.sendall(b'{"schema": 1, "error": "the stub has no answer to ' + verb.encode() + b'"}')
