"""A server of litellm's hosted protocol, and litellm's own clients in processes of their own.

    python hosting.py

is one of these: it reads what to do as lines of JSON, and answers each when all its saves have been sent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HostedServer(ThreadingHTTPServer):
    """Answers for one store, and keeps what it raised."""

    request_queue_size = 1_024
    daemon_threads = True

    def __init__(self, store):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = store
        self.errors = []
        self._thread = threading.Thread(target=self.serve_forever)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        from budgetctl.server.litellm_protocol import get_budget, set_budget

        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        token = self.headers["Authorization"]
        try:
            if self.path.endswith("/get_budget"):
                status, answer = 200, get_budget(self.server.store)
            else:
                status, answer = 200, set_budget(self.server.store, token, document)
        except Exception as error:
            self.server.errors.append(error)
            status, answer = 400, {"error": str(error)}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Client:
    """A process with litellm's `BudgetManager`. A method that is called there returns what it returned."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        )

    def open(self, url, token="t"):
        """Make a manager, which loads what there is."""
        self("open", url, token)
        return self

    def send(self, name, *arguments, **more):
        """Tell it to call a method, without waiting for the answer."""
        self._process.stdin.write(json.dumps([name, arguments, more]) + "\n")
        self._process.stdin.flush()

    def answer(self):
        """What the method returned."""
        return json.loads(self._process.stdout.readline())

    def __call__(self, name, *arguments, **more):
        self.send(name, *arguments, **more)
        return self.answer()

    def close(self):
        """End the process."""
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()


def main():
    """Do what the lines of standard input say."""
    import litellm

    manager = None
    for line in sys.stdin:
        name, arguments, more = json.loads(line)
        if name == "open":
            url, token = arguments
            manager = litellm.BudgetManager(
                project_name="p", client_type="hosted", api_base=url, headers={"Authorization": f"Bearer {token}"}
            )
            answer = None
        elif name == "burst":
            answer = _burst(manager, *arguments)
        elif name == "edit":
            user, values = arguments
            answer = manager.user_dict[user].update(values)
        else:
            answer = getattr(manager, name)(*arguments, **more)
        text = json.dumps(answer)
        for thread in threading.enumerate():
            if thread.name.endswith("(save_data)"):
                thread.join()
        print(text, flush=True)


def _burst(manager, user, count, seed=1):
    """Update a user's cost so often, and return what that came to, in picodollars."""
    import litellm

    spent = 0
    for number in range(count):
        prompt, completion = 100 + (number * seed) % 37, 20 + number % 11
        model = ("gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18")[number % 2]
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        manager.update_cost(user, litellm.ModelResponse(model=model, usage=usage))
        rates = (2_500_000, 10_000_000) if number % 2 == 0 else (150_000, 600_000)
        spent += prompt * rates[0] + completion * rates[1]
    return spent


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
