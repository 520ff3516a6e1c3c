#!/usr/bin/env python3
"""What sharing costs: 200 servers on one Redis that holds 100,000 bans.

    cargo build --release && benches/fleet.py

Asks: what does one run cost when 0, 10 and 1,000 entries are new, for a server
that holds all the bans and for one that holds none; what does a round of the
whole fleet cost Redis; how long does a server take that joins with nothing?
Needs redis-server and redis-cli. The firewall is off, everything is on one
machine.
"""
import json, os, shutil, sqlite3, subprocess, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
PYFILTER = os.path.join(HERE, "../target/release/pyfilter")
SERVERS, STORED, ROUND = 200, 100_000, 1_000
WORLD = tempfile.mkdtemp(prefix="pyfilter-fleet.")
SOCKET = os.path.join(WORLD, "redis.sock")


def cli(*words):
    ran = subprocess.run(["redis-cli", "-s", SOCKET, *words], capture_output=True, text=True, check=True)
    return ran.stdout


def info():
    pairs = (line.split(":", 1) for line in cli("INFO").splitlines() if ":" in line)
    return dict(pairs)


def server(name):
    place = os.path.join(WORLD, name)
    os.makedirs(place)
    config = {"settings": {"server_name": name, "database": "redis", "firewall": {"backend": "none"}, "rules": {}},
              "redis": {"host": SOCKET}, "logging": {"active": False}}
    with open(os.path.join(place, "config.json"), "w") as file:
        json.dump(config, file)
    return place


def run(place, *words):
    """Seconds that a command took."""
    command = [PYFILTER, "-q", "-c", place + "/config.json", "--state-dir", place + "/state", *words]
    begun = time.monotonic()
    ran = subprocess.run(command, capture_output=True, text=True)
    took = time.monotonic() - begun
    assert ran.returncode == 0, ran.stderr
    return took


def cost(place, *words):
    """Milliseconds, and what Redis saw: commands, bytes in and out, its own milliseconds."""
    before = info()
    took = run(place, *words)
    after = info()
    # INFO itself is one command of ours, and its answer leaves with the next.
    seen = lambda key: int(after[key]) - int(before[key])
    cpu = sum(float(after[key]) - float(before[key]) for key in ("used_cpu_user", "used_cpu_sys"))
    return took * 1000, seen("total_commands_processed") - 1, seen("total_net_input_bytes"), \
        seen("total_net_output_bytes") - len(cli("INFO")), cpu * 1000


def addresses(first, count):
    return [f"11.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(first, first + count)]


def ban(place, first, count):
    for at in range(first, first + count, 20_000):
        run(place, "ban", *addresses(at, min(20_000, first + count - at)))
    while int(cli("XLEN", "pyfilter:events")) < 100_000 and first == 0 and count == STORED:
        run(place, "scan")


def main():
    redis = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", SOCKET, "--save", "", "--dir", WORLD],
                             stdout=subprocess.DEVNULL)
    try:
        while not os.path.exists(SOCKET):
            time.sleep(0.05)
        source = server("source")
        run(source, "scan")
        ban(source, 0, STORED)
        print(f"hashes: {int(cli('DBSIZE')) - 3}, Redis holds {info()['used_memory_human']}")

        full = server("full")
        runs, begun = 1, run(full, "scan")
        held = lambda place: sqlite3.connect(place + "/state/PyFilter.db").execute("SELECT count(*) FROM banned_ip").fetchone()[0]
        while held(full) < STORED:
            begun += run(full, "scan")
            runs += 1
        print(f"joining with nothing: {held(full)} bans in {begun:.2f} s, {runs} run(s)")

        # Those that hold nothing: they have read the stream to its end, and looked through the hashes.
        last = cli("XREVRANGE", "pyfilter:events", "+", "-", "COUNT", "1").split()[0]
        light = server("server-0")
        config = json.load(open(light + "/config.json"))
        config["redis"]["sync_bans"] = {"active": False}
        json.dump(config, open(light + "/config.json", "w"))
        run(light, "scan")
        with sqlite3.connect(light + "/state/PyFilter.db") as store:
            store.execute("INSERT OR REPLACE INTO meta VALUES ('looked', ?)", [int(time.time())])
            store.execute("INSERT OR REPLACE INTO meta VALUES ('stream', ?)", [last])
        config["redis"]["sync_bans"] = {"active": True}
        json.dump(config, open(light + "/config.json", "w"))
        fleet = [light]
        for n in range(1, SERVERS):
            place = server(f"server-{n}")
            shutil.copytree(light + "/state", place + "/state")
            with sqlite3.connect(place + "/state/PyFilter.db") as store:
                store.execute("UPDATE meta SET value = lower(hex(randomblob(8))) WHERE key = 'id'")
            fleet.append(place)

        print("new | holds  | ms  | commands | to Redis | from Redis")
        at = STORED
        for new in (0, 10, 1000):
            if new:
                ban(source, at, new)
                at += new
            for name, place in (("100,000", full), ("few", fleet[0])):
                ms, commands, sent, received, _ = cost(place, "scan")
                print(f"{new} | {name} | {ms:.0f} | {commands} | {sent} | {received}")

        # One round: each server bans its part, then each runs once.
        for place in fleet:
            run(place, "scan")
        before, begun = info(), time.monotonic()
        for n, place in enumerate(fleet):
            run(place, "ban", *addresses(at + n * ROUND // SERVERS, ROUND // SERVERS))
        for place in fleet:
            run(place, "scan")
        after = info()
        cpu = sum(float(after[key]) - float(before[key]) for key in ("used_cpu_user", "used_cpu_sys"))
        out = int(after["total_net_output_bytes"]) - int(before["total_net_output_bytes"])
        print(f"a round of {SERVERS} servers, {ROUND} new bans: {time.monotonic() - begun:.1f} s one after the other; "
              f"Redis worked {cpu:.2f} s and sent {out / 1e6:.1f} MB")
        counts = {held(place) for place in fleet}
        print(f"bans taken over in the fleet: {min(counts)} to {max(counts)} a server")
    finally:
        redis.terminate()
        redis.wait()
        shutil.rmtree(WORLD)


if __name__ == "__main__":
    main()
