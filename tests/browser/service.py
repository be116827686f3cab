"""`fanmail serve` and `fanmail google-sim` as processes, and what an operator does beside them."""

import html
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

PEOPLE = [f"person{number}@example.com" for number in (1, 2, 3)]
PATIENCE = 30


class Stay(urllib.request.HTTPRedirectHandler):
    """Hands back an answer that leads elsewhere, as any other."""

    def http_error_302(self, request, answer, code, message, headers):
        return answer


class Service:
    """Both processes on ports of the system's choice, with a new data folder; all of it goes at the end."""

    def __init__(self, fanmail):
        self.fanmail = os.path.abspath(fanmail)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.data = os.path.join(self.folder.name, "data")
        mail = ("--mailboxes", str(len(PEOPLE)), "--messages", "2")
        self.sim, said = self.started({}, "google-sim", "--listen", "127.0.0.1:0", *mail, until="SECRET=")
        self.google_settings = dict(re.findall(r"export (\w+)=(\S+)", said))
        self.google = self.google_settings["GOOGLE_BASE_URL"]
        self.serve("127.0.0.1:0")
        return self

    def __exit__(self, *_):
        for process in (self.server, self.sim):
            process.kill()
            process.wait()
        self.folder.cleanup()

    def serve(self, listen, **settings):
        """Starts the pages. The first time their port is the system's choice, and stays the same from then on."""
        environment = {**self.google_settings, **settings}
        self.server, said = self.started(
            environment, "serve", "--listen", listen, "--data", self.data, until="/oauth2/start"
        )
        self.start = re.search(r"http://\S+/oauth2/start", said).group()

    def restart(self, **settings):
        self.server.terminate()
        self.server.wait(PATIENCE)
        self.serve(self.start.split("/")[2], **settings)

    def started(self, environment, *arguments, until):
        log = os.path.join(self.folder.name, f"{arguments[0]}-{time.monotonic_ns()}.log")
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [self.fanmail, *arguments], env={**os.environ, **environment}, stdout=out, stderr=subprocess.STDOUT
            )

        def said():
            with open(log, encoding="utf-8") as told:
                text = told.read()
            return text if until in text else None

        return process, self.until(said)

    def until(self, met):
        """Waits until `met` answers something."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if answer := met():
                return answer
            time.sleep(0.05)
        raise TimeoutError(f"waited {PATIENCE} s in vain")

    def run(self, *arguments):
        """One command beside `serve`: the lines that it prints."""
        environment = {**os.environ, "OAUTH_REDIRECT_URI": self.start.replace("/oauth2/start", "/oauth2callback")}
        done = subprocess.run(
            [self.fanmail, *arguments, "--data", self.data], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def link(self, reference, *more):
        [address] = self.run("accounts", "connect-link", "--ref", reference, *more)
        return address

    def accounts(self):
        return [json.loads(line) for line in self.run("accounts", "list", "--json")]

    def first_result(self, email):
        user = next(one["userId"] for one in self.accounts() if one["email"] == email)
        [result] = self.until(lambda: self.run("results", "list", "--user", user, "--limit", "1", "--json"))
        message = json.loads(result)["messageId"]
        return json.loads("".join(self.run("results", "show", message, "--user", user, "--json")))

    def way_back(self, consent_page, email):
        """Consents on Google's page, and does not follow: the address that leads back to the pages."""
        with urllib.request.urlopen(consent_page) as answer:
            page = answer.read().decode()
        inputs = [html.unescape(found) for found in re.findall(r"<input [^>]+>", page)]
        fields = [re.search(r'name="([^"]+)".* value="([^"]*)"', found).groups() for found in inputs]
        fields = [field for field in fields if field[0] != "email"] + [("email", email), ("decision", "allow")]
        form = urllib.parse.urlencode(fields).encode()
        stay = urllib.request.build_opener(Stay)
        with stay.open(f"{self.google}/o/oauth2/v2/auth/decide", form) as answer:
            return answer.headers["Location"]

    def fault(self, email, count=1, **fault):
        """Google fails `count` times, for this person alone."""
        self.admin("POST", {"email": email, "count": count, **fault})

    def heal(self):
        self.admin("DELETE", None)

    def admin(self, verb, body):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.google}/admin/faults", data=data, method=verb)
        urllib.request.urlopen(request).close()
