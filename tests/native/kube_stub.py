#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# usage: kube_stub.py CERTIFICATE KEY [PORT]
#
# As much of an API server as a client of pods and namespaces needs, over TLS: lists by pages (limit, continue), watches with
# bookmarks, an event of 410 for what is too old, bearer tokens; and the faults that a test asks for. Prints "ready PORT". A test puts
# objects and faults by POST /control, one JSON object each:
#
#   {"put": OBJECT}, {"delete": OBJECT}: its kind is Pod or Namespace
#   {"raw": TEXT, "resource": R}: as it is, to whoever watches
#   {"bookmark": true}, {"expire": true}: whoever watches is told, or sent away; what is older is gone
#   {"token": TEXT}: the one that is good from now on
#   {"fault": NAME or null, "code": N}: of all requests from now on; watches end
#
#   {"forget": true}: the events, as a server does after an hour
#
# GET /control: what was asked for.
#
# Events are made (POST) and changed (PATCH, by a merge patch) as a server would have it. GET /events: {"events": those that there are,
# "calls": one object for each request}.
import http.server
import json
import ssl
import sys
import threading
import urllib.parse

KINDS = {"Pod": "pods", "Namespace": "namespaces"}


class Store:
    def __init__(self):
        self.changed = threading.Condition()
        self.version = 100
        self.oldest = 0
        self.objects = {"pods": {}, "namespaces": {}}
        self.events = []  # (version, resource, line)
        self.token = None
        self.fault = None
        self.code = 0
        self.epoch = 0  # watches of an older one end
        self.asked = []
        self.kept = {}  # events by their path
        self.calls = []

    def event(self, resource, line):
        self.version += 1
        self.events.append((self.version, resource, line))

    def put(self, obj, gone):
        resource = KINDS[obj["kind"]]
        meta = obj["metadata"]
        key = str(meta.get("namespace", "")) + "/" + str(meta["name"])
        known = key in self.objects[resource]
        meta["resourceVersion"] = str(self.version + 1)
        if gone:
            self.objects[resource].pop(key, None)
        else:
            self.objects[resource][key] = obj
        kind = "DELETED" if gone else "MODIFIED" if known else "ADDED"
        self.event(resource, json.dumps({"type": kind, "object": obj}) + "\n")

    def bookmark(self):
        for kind, resource in KINDS.items():
            self.event(resource, json.dumps({"type": "BOOKMARK", "object": {
                "kind": kind, "metadata": {"resourceVersion": str(self.version + 1)}}}) + "\n")

    def expire(self):
        self.version += 1000
        self.oldest = self.version
        self.events.clear()
        self.epoch += 1

    def control(self, order):
        with self.changed:
            if "put" in order:
                self.put(order["put"], False)
            if "delete" in order:
                self.put(order["delete"], True)
            if "raw" in order:
                self.event(order["resource"], order["raw"])
            if order.get("bookmark"):
                self.bookmark()
            if order.get("expire"):
                self.expire()
            if order.get("forget"):
                self.kept.clear()
            if "token" in order:
                self.token = order["token"]
            if "fault" in order:
                self.fault, self.code = order["fault"], order.get("code", 0)
                self.epoch += 1
            self.changed.notify_all()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = None

    def log_message(self, *_):
        pass

    def answer(self, code, body, length=None):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def status(self, code):
        self.answer(code, json.dumps({"kind": "Status", "code": code}).encode())

    def do_POST(self):
        if self.path != "/control":
            self.write()
            return
        self.store.control(self.document())
        self.answer(200, b"{}")

    def do_PATCH(self):
        self.write()

    def document(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def write(self):
        body = self.document()
        bearer = self.headers.get("Authorization", "")
        with self.store.changed:
            self.store.calls.append({"method": self.command, "path": self.path, "bearer": bearer,
                                     "type": self.headers.get("Content-Type", ""), "body": body})
        try:
            if self.fails("events"):
                return
            with self.store.changed:
                code = 401 if self.store.token and bearer != "Bearer " + self.store.token else self.event(body)
            self.status(code)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    # The HTTP status.
    def event(self, body):
        parts = self.path.split("/")  # "", api, v1, namespaces, NAMESPACE, events[, NAME]
        if parts[1:4] != ["api", "v1", "namespaces"] or parts[5] != "events" or len(parts) != (6 if self.command == "POST" else 7):
            return 404
        if self.command == "POST":
            path = self.path + "/" + body["metadata"]["name"]
            if path in self.store.kept:
                return 409
            if body["metadata"]["namespace"] != parts[4] or body["involvedObject"]["namespace"] != parts[4]:
                return 422
            self.store.kept[path] = dict(body)
            return 201
        if self.headers.get("Content-Type") != "application/merge-patch+json":
            return 415
        if self.path not in self.store.kept:
            return 404
        self.store.kept[self.path].update(body)
        return 200

    def do_GET(self):
        if self.path == "/control":
            self.answer(200, json.dumps(self.store.asked).encode())
            return
        if self.path == "/events":
            self.answer(200, json.dumps({"events": list(self.store.kept.values()), "calls": self.store.calls}).encode())
            return
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        resource = url.path.rsplit("/", 1)[-1]
        bearer = self.headers.get("Authorization", "")
        self.store.asked.append({"path": url.path, "query": query, "bearer": bearer,
                                 "accept": self.headers.get("Accept", "")})
        try:
            # What is too old is that whatever else is wrong: a test of lists needs no luck.
            if "watch" in query and int(query["resourceVersion"]) < self.store.oldest:
                # As servers say it: as an event, in an answer that is 200.
                self.answer(200, json.dumps({"type": "ERROR", "object": {
                    "kind": "Status", "code": 410, "reason": "Expired"}}).encode() + b"\n")
            elif not self.fails(resource):
                if self.store.token and bearer != "Bearer " + self.store.token:
                    self.status(401)
                elif "watch" in query:
                    self.watch(resource, int(query["resourceVersion"]))
                else:
                    self.list(resource, query)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def endless(self, chunk):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        epoch = self.store.epoch
        while self.store.epoch == epoch:
            self.wfile.write(chunk)
        self.close_connection = True

    # Each goes on for as long as nobody asks for another.
    def fails(self, resource):
        fault, epoch = self.store.fault, self.store.epoch
        if fault == "status":
            self.status(self.store.code)
        elif fault == "redirect":
            self.send_response(302)
            self.send_header("Location", "https://127.0.0.1:1/stolen")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif fault == "slow":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            while self.store.epoch == epoch:
                self.wfile.write(b" ")
                self.wfile.flush()
                with self.store.changed:
                    self.store.changed.wait(0.5)
            self.close_connection = True
        elif fault == "endless":
            self.endless(b" " * 65536)
        elif fault == "same-page":  # continue, for ever
            self.answer(200, json.dumps({"metadata": {"resourceVersion": "1", "continue": "1"},
                                         "items": []}).encode())
        elif fault == "deep":
            self.answer(200, b"[" * 100000)
        elif fault == "cut":
            self.answer(200, b'{"metadata": {"resourceVersion": "5"}, "items": [', 4096)
        else:
            return False
        return True

    def list(self, resource, query):
        with self.store.changed:
            objects = [o for _, o in sorted(self.store.objects[resource].items())]
            version = self.store.version
        begin = int(query.get("continue") or "0")
        # Two a page, whatever is asked for: that is allowed, and a test needs no hundreds.
        end = begin + min(2, int(query["limit"]))
        meta = {"resourceVersion": str(version)}
        if end < len(objects):
            meta["continue"] = str(end)
        kind = "PodList" if resource == "pods" else "PartialObjectMetadataList"
        self.answer(200, json.dumps({"kind": kind, "metadata": meta, "items": objects[begin:end]}).encode())

    def watch(self, resource, since):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        epoch = self.store.epoch
        while True:
            with self.store.changed:
                news = [e for e in self.store.events if e[0] > since and e[1] == resource]
                if not news and self.store.epoch == epoch:
                    self.store.changed.wait(0.2)
                    continue
            if self.store.epoch != epoch:
                return
            for version, _, line in news:
                since = version
                self.wfile.write(line.encode("utf-8", "surrogateescape"))
            self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    # The handshake in the thread of the connection, and in time: no client keeps the others waiting.
    def process_request_thread(self, request, client_address):
        try:
            request.settimeout(60)
            request = self.context.wrap_socket(request, server_side=True)
        except (OSError, ssl.SSLError):
            request.close()
            return
        super().process_request_thread(request, client_address)

    def handle_error(self, request, client_address):
        pass


def main():
    Handler.store = Store()
    server = Server(("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0), Handler)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(sys.argv[1], sys.argv[2])
    print("ready", server.server_address[1], flush=True)
    server.serve_forever()


main()
