"""A receiver of webhooks, as one would write it: http.server, TLS, and the library of Standard Webhooks."""

import http.server
import ssl
import threading
import time

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError


class Receiver:
    """Listens on loopback; keeps what it took, refused and saw twice."""

    def __init__(self, secret, tls=None):
        self.taken, self.twice, self.refused, self.attempts = [], [], [], []
        self.answers = []  # statuses to give instead of 200, first first
        self.delay_s, self.drip_s = 0.0, 0.0
        self.connections = 0
        receiver, hook, seen = self, Webhook(secret), set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                receiver.connections += 1
                super().setup()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = dict(self.headers.items())
                receiver.attempts.append((headers, body))
                time.sleep(receiver.delay_s)
                status = receiver.answers.pop(0) if receiver.answers else 200
                if status == 200:
                    status = receiver.judge(hook, seen, headers, body)
                if receiver.drip_s:
                    for letter in b"HTTP/1.1 200 OK\r\n":
                        self.wfile.write(bytes([letter]))
                        time.sleep(receiver.drip_s)
                self.send_response(status)
                if status in {301, 302, 307}:
                    self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a client that refuses our certificate, or hangs up

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def judge(self, hook, seen, headers, body):
        try:
            message = hook.verify(body, headers)
        except WebhookVerificationError as error:
            self.refused.append(str(error))
            return 401
        known = headers["webhook-id"] in seen
        seen.add(headers["webhook-id"])
        (self.twice if known else self.taken).append(message)
        return 200

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
