# SPDX-License-Identifier: Apache-2.0
"""A small DM client that does as a test says: messages as text, MD5 credentials both ways, and a tree that is a dict."""
import base64
import hashlib
import itertools
import os
import subprocess
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import requests

import world

XML, WBXML = "application/vnd.syncml.dm+xml", "application/vnd.syncml.dm+wbxml"


def b64(data):
    return base64.b64encode(data).decode()


def digest(user, password, nonce):
    ha1 = b64(hashlib.md5(f"{user}:{password}".encode()).digest())
    return b64(hashlib.md5(ha1.encode() + b":" + nonce).digest())


def dmtool(*args, data):
    r = subprocess.run([world.BUILD / "cli/dmtool", *args, "-"], input=data, capture_output=True)
    assert r.returncode == 0, f"dmtool {args}: {r.stderr.decode()}"
    return r.stdout


def to_wbxml(text):
    return dmtool("encode", "--wbxml", data=text if isinstance(text, bytes) else text.encode())


def item(uri, data=None, fmt="chr", where="Target"):
    meta = f'<Meta><Format xmlns="syncml:metinf">{fmt}</Format></Meta>' if data is not None else ""
    value = f"<Data>{escape(data)}</Data>" if data is not None else ""
    return f"<Item><{where}><LocURI>{escape(uri)}</LocURI></{where}>{meta}{value}</Item>"


class Reply:
    """What the server said."""

    def __init__(self, response):
        self.http, self.status, self.bytes = response, response.status_code, response.content
        self.header, self.commands = None, []
        if self.status != 200:
            return
        wbxml = response.headers["Content-Type"].startswith(WBXML)
        root = ET.fromstring(dmtool("decode", "--xml", data=self.bytes) if wbxml else self.bytes)
        for e in root.iter():
            e.tag = e.tag.split("}")[-1]
        self.header = root.find("SyncHdr")
        self.url = root.findtext("SyncHdr/RespURI")
        self.commands = [c for c in root.find("SyncBody") if c.tag != "Final"]
        # What is in an Atomic or a Sequence is a command like any other here.
        self.flat = [c for top in self.commands for c in ([top, *top] if top.tag in ("Atomic", "Sequence") else [top])
                     if c.find("CmdID") is not None]

    def verdict(self):
        """The Status for our header."""
        return next(c.findtext("Data") for c in self.commands if c.tag == "Status" and c.findtext("CmdRef") == "0")

    def nonce(self):
        found = [c.findtext("Chal/Meta/NextNonce") for c in self.commands if c.tag == "Status" and c.findtext("Chal/Meta/NextNonce")]
        return base64.b64decode(found[0]) if found else None

    def asks(self, *kinds):
        return [c for c in self.flat if c.tag in (kinds or ("Get", "Replace", "Add", "Delete", "Exec"))]

    def uris(self, *kinds):
        return [u.text for c in self.asks(*kinds) for u in c.findall("Item/Target/LocURI")]


class Client:
    """One device. Its account is what registering it gave."""
    numbers = itertools.count(int.from_bytes(os.urandom(1), "big") * 16 + 1)

    def __init__(self, account, name, wbxml=False):
        self.account, self.name, self.wbxml = account, name, wbxml
        self.http = requests.Session()
        self.http.trust_env = False
        self.nonce = base64.b64decode(account["clientNonce"])
        self.tree = {"./Virtualization": None, "./Virtualization/VM": None, "./VMImages": None, "./DevDetail": None}     # None: interior
        self.executed, self.sent = [], []
        self.session = None

    def devinfo(self):
        facts = {"DevId": self.name, "Man": "Acme", "Mod": "Scripted", "DmV": "1.0", "Lang": "en"}
        return "".join(item(f"./DevInfo/{k}", v, where="Source") for k, v in facts.items())

    def text(self, commands, cred=True, final=True, password=None, user=None, name=None, session=None, msg=None, nonce=None):
        cred_text = ""
        if cred:
            d = digest(user or self.account["clientName"], password or self.account["clientPassword"], self.nonce if nonce is None else nonce)
            cred_text = ('<Cred><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">syncml:auth-md5</Type></Meta>'
                         f"<Data>{d}</Data></Cred>")
        body = "".join(c.replace("@", str(n), 1) for n, c in enumerate(commands, 1))
        return ('<?xml version="1.0" encoding="UTF-8"?><SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>'
                f"<SessionID>{session or self.session}</SessionID><MsgID>{msg or self.msg}</MsgID><Target><LocURI>{escape(self.url)}</LocURI></Target>"
                f"<Source><LocURI>{escape(name or self.name)}</LocURI><LocName>{escape(user or self.account['clientName'])}</LocName></Source>{cred_text}"
                '<Meta><MaxMsgSize xmlns="syncml:metinf">16384</MaxMsgSize></Meta></SyncHdr>'
                f"<SyncBody>{body}{'<Final/>' if final else ''}</SyncBody></SyncML>")

    def begin(self):
        """A new session; nothing is sent yet."""
        self.session, self.msg, self.url, self.last = f"{next(self.numbers):X}", 1, self.account["url"], None
        return self

    def package1(self, alert="1201", more=()):
        return [f"<Alert><CmdID>@</CmdID><Data>{alert}</Data></Alert>", f"<Replace><CmdID>@</CmdID>{self.devinfo()}</Replace>", *more]

    def post(self, text, url=None):
        """Bytes as they are, or a text in the client's encoding."""
        body = text if isinstance(text, bytes) else to_wbxml(text) if self.wbxml else text.encode()
        self.sent.append((url or self.url, body))
        r = Reply(self.http.post(url or self.url, data=body, headers={"Content-Type": WBXML if self.wbxml else XML}, timeout=20))
        if r.status == 200:
            self.url = r.url or self.url
        self.last = r
        return r

    def say(self, commands, **how):
        r = self.post(self.text(commands, **how))
        self.msg += 1
        return r

    def call(self, more=(), alert="1201"):
        """Package 1, challenged or not, up to the server's first commands."""
        self.begin()
        for _ in range(3):
            r = self.say(self.package1(alert, more))
            assert r.status == 200, f"{r.status}: {r.bytes[:500]}"
            if r.nonce():
                self.nonce = r.nonce()
            if r.verdict() in ("212", "200"):
                return r
        raise AssertionError(f"the server does not believe us: {r.bytes[:2000]}")

    def read(self, uri):
        """Items of one Get; an interior node tells its children, ?list=StructData all that is below it."""
        path, _, query = uri.partition("?")
        below = sorted(n for n in self.tree if n.startswith(path + "/"))
        if path not in self.tree and not below:
            return ""
        if not query:
            value = self.tree.get(path)
            if value is None:
                value = "/".join(sorted({n[len(path) + 1:].split("/")[0] for n in below}))
            return item(uri, value, "chr" if self.tree.get(path) is not None else "node", "Source")
        return "".join(item(n, self.tree[n], where="Source") if self.tree.get(n) is not None else
                       f'<Item><Source><LocURI>{escape(n)}</LocURI></Source><Meta><Format xmlns="syncml:metinf">node</Format></Meta></Item>'
                       for n in [path, *below])

    def do(self, c, reply, codes):
        """Statuses and Results for one command of the server."""
        ref = f"<MsgRef>{reply.header.findtext('MsgID')}</MsgRef><CmdRef>{c.findtext('CmdID')}</CmdRef>"
        out = []
        for i in c.findall("Item"):
            uri, code = i.findtext("Target/LocURI"), "200"
            if c.tag == "Get":
                found = self.read(uri)
                code = "200" if found else "404"
                if found:
                    out.append(f"<Results><CmdID>@</CmdID>{ref}{found}</Results>")
            elif c.tag in ("Replace", "Add"):
                self.tree[uri] = None if i.findtext("Meta/Format") == "node" else i.findtext("Data") or ""
            elif c.tag == "Delete":
                self.tree.pop(uri, None)
            elif c.tag == "Exec":
                self.executed.append((uri, c.findtext("Correlator")))
            code = codes.get(uri, code)
            out.insert(0, f"<Status><CmdID>@</CmdID>{ref}<Cmd>{c.tag}</Cmd><TargetRef>{escape(uri)}</TargetRef><Data>{code}</Data></Status>")
        return out

    def answers(self, reply, codes=None):
        """What a device would say to this."""
        server = escape(reply.header.findtext("Source/LocURI"))
        out = [f"<Status><CmdID>@</CmdID><MsgRef>{reply.header.findtext('MsgID')}</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>"
               f"<TargetRef>{escape(self.name)}</TargetRef><SourceRef>{server}</SourceRef><Data>212</Data></Status>"]
        for c in reply.flat:
            if c.tag in ("Atomic", "Sequence"):
                out.append(f"<Status><CmdID>@</CmdID><MsgRef>{reply.header.findtext('MsgID')}</MsgRef><CmdRef>{c.findtext('CmdID')}</CmdRef>"
                           f"<Cmd>{c.tag}</Cmd><Data>200</Data></Status>")
            elif c.tag in ("Get", "Replace", "Add", "Delete", "Exec"):
                out += self.do(c, reply, codes or {})
        return out

    def finish(self, reply, codes=None, most=30):
        """Go on until the server wants nothing more."""
        for _ in range(most):
            if not reply.asks():
                return reply
            reply = self.say(self.answers(reply, codes), cred=False)
            assert reply.status == 200, f"{reply.status}: {reply.bytes[:500]}"
        raise AssertionError(f"no end after {most} messages; last asked: {reply.uris()}")
