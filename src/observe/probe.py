# Asks from inside the network of every container of a server whom it reaches, all at the same time, and tells who
# asked it. One process: a socket stays in the network in which it was made.
#
# probe.py PLAN PIDS. PLAN: `from NAME ADDRESS OCTETS` a container, `to ADDRESS` a target, `port N`. PIDS: `NAME PID STATUS`.
import ctypes, errno, os, resource, select, socket, struct, sys, time

# Seconds from the start: when it is tried again, and the end of the last try; then for those who are late.
TRIES, LINGER = (0.3, 0.6, 0.9, 1.2), 0.25
# Large packets go only to those who have answered a small one: answers that wait for an Ethernet address which nobody
# tells are charged to one socket of the kernel, and a few large ones keep it from answering anybody, whatever container.
SMALL = 64
ECHO, REPLY = 8, 0
MARK = b"fabricctl-probe\0"
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(pid):
    net = os.open("/proc/%s/ns/net" % pid, os.O_RDONLY)
    try:
        if LIBC.setns(net, 0x40000000):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(net)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def say(*words):
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")


class Container:
    """The sockets of one container, made in its network."""

    def __init__(self, address, octets, ident, pid, targets):
        self.address, self.octets, self.ident = address, octets, ident
        enter(pid)
        self.icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        # IP_MTU_DISCOVER = IP_PMTUDISC_PROBE: nobody may cut it to pieces, the sender neither.
        self.icmp.setsockopt(socket.IPPROTO_IP, 10, 3)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self.icmp.setsockopt(socket.SOL_SOCKET, option, 4 << 20)
        self.icmp.bind((address, 0))
        self.syns = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self.tcp = {}
        for target in targets:
            if target != address:
                self.tcp[target] = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                self.tcp[target].bind((address, 0))
        for sock in (self.icmp, self.syns, *self.tcp.values()):
            sock.setblocking(False)

    def ping(self, target, number, octets):
        body = MARK + socket.inet_aton(self.address)
        body += b"\0" * (octets - 28 - len(body))
        head = struct.pack("!BBHHH", ECHO, 0, 0, self.ident, number)
        head = struct.pack("!BBHHH", ECHO, 0, checksum(head + body), self.ident, number)
        self.icmp.sendto(head + body, (target, 0))


class Round:
    def __init__(self, containers, port):
        self.containers, self.port, self.poll, self.readers = containers, port, select.epoll(), {}
        self.icmp, self.tcp, self.sent, self.seen, self.small = {}, {}, {}, set(), set()
        self.open_icmp = {(one.address, target) for one in containers for target in one.tcp}
        self.open_tcp = set(self.open_icmp)
        for one in containers:
            for sock, read in ((one.icmp, self.read_icmp), (one.syns, self.read_syns)):
                self.readers[sock.fileno()] = (read, one, None)
                self.poll.register(sock, select.EPOLLIN)

    def run(self):
        self.start = time.monotonic()
        self.connect()
        for number, until in enumerate(TRIES):
            self.ping(number)
            self.wait(until)
        self.start, self.open_tcp = time.monotonic(), {None}
        self.wait(LINGER)

    def wait(self, until):
        while self.open_icmp or self.open_tcp:
            left = self.start + until - time.monotonic()
            if left <= 0:
                return
            for fd, _ in self.poll.poll(left):
                read, one, target = self.readers[fd]
                read(one, target)

    def ping(self, number):
        for one in self.containers:
            for target in one.tcp:
                if (one.address, target) in self.open_icmp:
                    self.send(one, target, number)

    def send(self, one, target, number):
        """A large packet has an odd number."""
        pair = (one.address, target)
        large = pair in self.small
        number = 2 * number + large
        self.sent[pair, number] = time.monotonic()
        try:
            one.ping(target, number, one.octets if large else SMALL)
        except OSError as error:
            self.icmp.setdefault(pair, ("error", error.strerror))

    def connect(self):
        for one in self.containers:
            for target, sock in one.tcp.items():
                self.sent[one.address, target] = time.monotonic()
                code = sock.connect_ex((target, self.port))
                if code == errno.EINPROGRESS:
                    self.readers[sock.fileno()] = (self.read_tcp, one, target)
                    self.poll.register(sock, select.EPOLLOUT)
                else:
                    self.connected(one.address, target, code)

    def read_tcp(self, one, target):
        sock = one.tcp[target]
        self.poll.unregister(sock)
        self.connected(one.address, target, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def connected(self, source, target, code):
        took = time.monotonic() - self.sent[source, target]
        answered = code in (0, errno.ECONNREFUSED)
        self.tcp[source, target] = ("ok", "%.3f" % (took * 1000)) if answered else ("error", os.strerror(code))
        self.open_tcp.discard((source, target))

    def read_icmp(self, one, _):
        try:
            while True:
                packet, (sender, _) = one.icmp.recvfrom(65535)
                body = packet[(packet[0] & 15) * 4 :]
                if len(body) < 28 or body[8:24] != MARK:
                    continue
                kind, _, _, ident, number = struct.unpack("!BBHHH", body[:8])
                claimed = socket.inet_ntoa(body[24:28])
                if kind == ECHO:
                    self.seen.add(("icmp", one.address, claimed, sender))
                elif kind == REPLY and ident == one.ident:
                    self.answered(one, sender, number)
        except BlockingIOError:
            pass

    def answered(self, one, target, number):
        pair = (one.address, target)
        if pair not in self.open_icmp:
            return
        if number % 2:
            self.open_icmp.discard(pair)
            took = time.monotonic() - self.sent.get((pair, number), self.start)
            self.icmp[pair] = ("ok", "%.3f" % (took * 1000))
        elif pair not in self.small:
            self.small.add(pair)
            self.icmp[pair] = ("small",)
            self.send(one, target, number // 2)

    def read_syns(self, one, _):
        try:
            while True:
                packet, (sender, _) = one.syns.recvfrom(256)
                tcp = packet[(packet[0] & 15) * 4 :]
                syn_only = len(tcp) > 13 and tcp[13] & 0x12 == 0x02
                if syn_only and struct.unpack("!H", tcp[2:4])[0] == self.port:
                    self.seen.add(("tcp", one.address, sender))
        except BlockingIOError:
            pass

    def report(self):
        for kind, found in (("icmp", self.icmp), ("tcp", self.tcp)):
            for one in self.containers:
                for target in one.tcp:
                    say(kind, one.address, target, *found.get((one.address, target), ("lost",)))
        for words in sorted(self.seen):
            say("saw", *words)


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    known = {name: state for name, *state in (line.split() for line in open(sys.argv[2]))}
    plan = [line.split() for line in open(sys.argv[1])]
    targets = [words[1] for words in plan if words[0] == "to"]
    port = [int(words[1]) for words in plan if words[0] == "port"][0]
    containers = []
    for number, (_, name, address, octets) in enumerate(words for words in plan if words[0] == "from"):
        pid, status = known.get(name, ("", "missing"))
        if status != "running":
            say("silent", address, "it is " + status)
            continue
        try:
            ident = (os.getpid() + number) & 0xFFFF
            containers.append(Container(address, int(octets), ident, pid, targets))
        except OSError as error:
            wrong = error.errno == errno.EADDRNOTAVAIL
            say("silent", address, "the container doesn't have this address" if wrong else error.strerror)
    found = Round(containers, port)
    found.run()
    found.report()
    say("done")


main()
