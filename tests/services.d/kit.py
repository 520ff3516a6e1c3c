"""What the recipes of tests/services.d share: they run in the container, as root.

A recipe configures its service, makes a `Proof`, and attempts logins in it. Each
attempt has a client address of its own, unless it asks for one.
"""

import os
import pathlib
import re
import socket
import ssl
import subprocess
import time

# Whether this is Debian 13, where some services are configured in another way.
TRIXIE = os.environ["RELEASE"] == "trixie"
SERVER = {4: "198.51.100.1", 6: "2001:db8:ffff::1"}
# Nobody with these addresses ever connects: what names one was typed by a client.
VICTIM, VICTIM6 = "192.0.2.66", "2001:db8:6::66"
# The clients with a reverse name: of their own, that is the victim's address, that begins with it.
NAMED, NAMED_VICTIM, NAMED_LIKE = "203.0.113.250", "203.0.113.251", "203.0.113.252"

# What clients type for a name, a path, an agent. No newline and no NUL: see LINES.
HOSTILE = [
    VICTIM,
    VICTIM6,
    f"x from {VICTIM}",
    f"[{VICTIM}]",
    f"x[{VICTIM}]: failed",
    f"x (rhost={VICTIM}) rhost={VICTIM} ",
    f"x, client: {VICTIM}, rip={VICTIM}, ip={VICTIM}",
    f"x' \"{VICTIM}\" '",
    f"a\"b'c\\d e]f)g>h",
    f"x <{VICTIM}> ({VICTIM})",
    f"\x01\x1b[31m\t{VICTIM}\x7f",
    "caf\xe9\u20ac " + VICTIM,
]
LINE_ENDS = {"LF": "\n", "CR": "\r", "CRLF": "\r\n"}


def unless(*parts):
    """One failure; of a text with one of `parts`, which leaves two readings, none or one."""
    return lambda text: "0-1" if any(part in text for part in parts) else 1


def with_lines(line):
    """What pretends to end the service's line and to begin `line`."""
    return [f"x{end}{line}{end}y" for end in LINE_ENDS.values()]


def sh(command, check=True, **more):
    done = subprocess.run(command, shell=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    if check and done.returncode:
        raise SystemExit(f"{command}: {done.returncode}: {done.stdout.decode(errors='replace')}")
    return done.stdout.decode(errors="replace")


def write(path, text, mode=None):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if mode is not None:
        path.chmod(mode)


def append(path, text):
    with open(path, "a") as file:
        file.write(text)


def wait_for(port, version=4, seconds=60, host=None):
    for _ in range(seconds * 10):
        try:
            socket.create_connection((host or SERVER[version], port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port}: " + sh("journalctl -n 20 --no-pager; systemctl --failed; ss -ltn", False))


def restart(*units):
    for unit in units:
        sh(f"systemctl restart {unit} || (journalctl --no-pager -n 40 -u {unit}; exit 1)")


def certificate(owner="root"):
    """A key and a certificate in one file."""
    path = "/etc/ssl/proof.pem"
    sh(f"openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=proof.example.net -keyout {path} -out /etc/ssl/proof.crt "
       f"&& cat /etc/ssl/proof.crt >>{path} && cp {path} /etc/ssl/proof.key && chown {owner} {path} /etc/ssl/proof.key && chmod 600 {path}")
    return path


def encoded(text):
    return text if isinstance(text, bytes) else text.encode("utf-8")


class Client:
    """Somebody with an address."""

    def __init__(self, address):
        self.address = address
        self.version = 6 if ":" in address else 4
        self.server = SERVER[self.version]

    def connect(self, port, tls=False, timeout=20):
        return Wire(self, port, tls, timeout)

    def http(self, path, headers=(), method="GET", port=80, body=b"", raw=None, timeout=20, tls=False):
        """Sends a request of these very bytes; gives the answer."""
        wire = self.connect(port, tls, timeout)
        lines = [encoded(f"{name}: ") + encoded(value) for name, value in headers]
        request = raw if raw is not None else b"\r\n".join(
            [encoded(method) + b" " + encoded(path) + b" HTTP/1.1", b"Host: proof.example.net", b"Connection: close", *lines, b"", encoded(body)])
        wire.send(request)
        answer = wire.rest()
        wire.close()
        return answer


class Wire:
    """A connection from a client's address."""

    def __init__(self, client, port, tls, timeout):
        self.socket = socket.create_connection((client.server, port), timeout, (client.address, 0))
        if tls:
            self.start_tls()

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def send(self, data):
        self.socket.sendall(encoded(data))

    def read(self, until=b"\n"):
        """Up to and with `until`, or to the end."""
        got = b""
        while not got.endswith(until):
            try:
                byte = self.socket.recv(1)
            except OSError:
                break
            if not byte:
                break
            got += byte
        return got

    def reply(self):
        """A reply of SMTP or FTP, of several lines or one."""
        while True:
            line = self.read()
            if not re.match(rb"\d\d\d-", line) and (not line or re.match(rb"\d\d\d", line)):
                return line

    def say(self, data):
        """A command and its reply; the end of the connection is an empty one."""
        try:
            self.send(encoded(data) + b"\r\n")
            return self.reply()
        except OSError:
            return b""

    def rest(self):
        got = b""
        try:
            while part := self.socket.recv(65536):
                got += part
        except OSError:
            pass
        return got

    def close(self):
        self.socket.close()


class Proof:
    """The attempts of a recipe, and what the service logged of them."""

    def __init__(self, rule, log=None, packages=(), journal=None):
        """`log` is the file that attempts are logged in, `journal` the unit."""
        self.rule, self.logs, self.rows, self.packages = rule, {}, [], packages
        self.journals = {}
        self.default = None
        self.next = {4: 1, 6: 1}
        self.count = 0
        self.units = []
        for path in [log] if isinstance(log, str) else log or []:
            self.log(path)
        if journal:
            self.journal(journal)

    def log(self, path, name=None):
        """A file to keep, from its end on."""
        name = name or os.path.basename(path)
        size = os.path.getsize(path) if os.path.exists(path) else 0
        self.logs[name] = (path, size, path)
        self.default = self.default or name

    def end(self, name):
        """What comes into that log from now on is not kept."""
        time.sleep(1)
        path, size, label = self.logs[name]
        sh(f"cp {path} /run/{name}")
        self.logs[name] = (f"/run/{name}", size, label)

    def journal(self, *units, name="journal.journal-export"):
        """The entries of units to keep, from now on."""
        self.units = units
        sh("journalctl --sync")
        self.cursor = re.search(r"cursor: (\S+)", sh("journalctl -n 0 --show-cursor -q")).group(1)
        self.journal_name = name

    def client(self, version=None):
        """One with an address that was not used yet: every third has IPv6."""
        self.count += 1
        version = version or (6 if self.count % 3 == 0 else 4)
        number = self.next[version]
        self.next[version] += 1
        return Client(f"203.0.113.{number}" if version == 4 else f"2001:db8::{number:x}")

    def attempt(self, kind, tried, act, failures, rule=None, log=None, version=None, address=None):
        client = Client(address) if address else self.client(version)
        try:
            act(client)
        except (OSError, EOFError) as error:
            tried += f" [{type(error).__name__}]"
        rules = failures if isinstance(failures, list) else [(rule or self.rule, log or self.default, failures)]
        for rule, log, number in rules:
            self.rows.append((rule, log, client.address, str(number), kind, tried))
        return client

    def failed(self, tried, act, failures=1, **more):
        return self.attempt("failed", tried, act, failures, **more)

    def good(self, tried, act, failures=0, **more):
        return self.attempt("good", tried, act, failures, **more)

    def other(self, tried, act, failures=0, **more):
        """Neither failed nor good: what no rule has to count."""
        return self.attempt("other", tried, act, failures, **more)

    def hostile(self, tried, act, failures=1, **more):
        return self.attempt("hostile", tried, act, failures, **more)

    def hostile_all(self, what, texts, act, failures=1, **more):
        """`act(client, text)` for each of them; `failures` may be a function of the text."""
        for text in texts:
            number = failures(text) if callable(failures) else failures
            self.hostile(f"{what} {text!r}" if len(text) < 300 else f"{what} of {len(text)}", lambda client, text=text: act(client, text), number, **more)

    def keep(self, wait=1.5, without=()):
        """Writes the logs, and the table; lines with a text of `without` are left out."""
        time.sleep(wait)
        out = pathlib.Path("/out")
        head = [f"# recorded: {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}"]
        for package in self.packages:
            head.append(f"# package: {package} {version_of(package)}")
        texts = {}
        for name, (path, size, label) in self.logs.items():
            data = pathlib.Path(path).read_bytes()[size:] if os.path.exists(path) else b""
            lines = data.split(b"\n")
            data = b"\n".join(line for line in lines if not any(encoded(text) in line for text in without))
            if not data:
                continue
            texts[name] = data
            (out / name).write_bytes(data)
            head.append(f"# log: {name} {label}")
        if self.units:
            data = export(self.units, self.cursor)
            if data:
                (out / self.journal_name).write_bytes(data)
                head.append(f"# log: {self.journal_name} journal:{','.join(self.units)}")
        rows = []
        for rule, log, address, number, kind, tried in self.rows:
            if log not in texts and not (self.units and log == self.journal_name):
                print(f"   {log} was not written")
            elif not number.startswith("0") and log in texts and not mentions(texts[log], address):
                print(f"   {address} is not in {log}: {tried}")
            rows.append("\t".join([rule, log, address, number, kind, plain(tried)]))
        write(out / "truth.tsv", "\n".join([*head, "# rule\tlog\taddress\tfailures\tkind\ttried", *rows]) + "\n")
        print(f"   {len(rows)} rows; " + ", ".join(f"{name}: {data.count(10)} lines" for name, data in texts.items()))
        write(out / "done", "")


def version_of(package):
    return sh("dpkg-query -W -f '${Version}' " + package)


def mentions(text, address):
    """Whether the address stands there, not within a longer one."""
    return any(re.search(rb"(?<![\w.])" + re.escape(encoded(spelled)) + rb"(?![\w])", text) for spelled in (address, long(address)))


def long(address):
    """The spelling without `::`, that some services have."""
    if ":" not in address:
        return address
    return ":".join(f"{group:x}" for group in memoryview(bytearray(socket.inet_pton(socket.AF_INET6, address)[::-1])).cast("H")[::-1])


def plain(text):
    """For the table: printable ASCII in one line."""
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in text)


FIELDS = [b"__CURSOR", b"__REALTIME_TIMESTAMP", b"_TRANSPORT", b"PRIORITY", b"SYSLOG_IDENTIFIER", b"_PID", b"_UID", b"_COMM", b"_SYSTEMD_UNIT", b"_BOOT_ID", b"MESSAGE"]


# Of the journal as many are kept as show who writes them.
ENTRIES = 30


def export(units, cursor):
    """The entries in journald's export format, with the fields that say who wrote what."""
    sh("journalctl --sync")
    matches = " + ".join(f"_SYSTEMD_UNIT={unit}" for unit in units)
    data = subprocess.run(f"journalctl -q --after-cursor='{cursor}' -o export {matches}", shell=True, check=True, stdout=subprocess.PIPE).stdout
    out, at, entries = b"", 0, 0
    while at < len(data) and entries < ENTRIES:
        end = data.index(b"\n", at)
        line = data[at:end]
        if not line:
            field, whole, at, entries = None, b"\n", end + 1, entries + 1
        elif b"=" in line:
            field, whole, at = line.split(b"=", 1)[0], data[at:end + 1], end + 1
        else:
            size = int.from_bytes(data[end + 1:end + 9], "little")
            field, whole, at = line, data[at:end + 9 + size + 1], end + 9 + size + 1
        if field is None or field in FIELDS:
            out += whole
    return out


def set_up():
    """The addresses, and a system that has booted."""
    lines = [f"address add {SERVER[4]}/32 dev lo", f"address add {SERVER[6]}/128 dev lo nodad"]
    lines += [f"address add 203.0.113.{n}/32 dev lo" for n in [*range(1, 240), 250, 251, 252]]
    lines += [f"address add 2001:db8::{n:x}/128 dev lo nodad" for n in range(1, 120)]
    write("/run/addresses", "\n".join(lines) + "\n")
    sh("ip link set lo up; ip -batch /run/addresses")
    sh("systemctl is-system-running --wait", False, timeout=120)


set_up()
