# SPDX-License-Identifier: Apache-2.0
"""The other end of an agent, as a test wants it: a socket that says it is a management server, and notes who came."""
import base64
import hashlib
import http.server
import ssl
import subprocess
import threading
import xml.etree.ElementTree as ET

import syncml
import world

SERVER_ID, CLIENT, SERVER = "dm.impostor.example", ("phone", "client-pw"), ("dm.impostor.example", "server-pw")


def certificate(folder):
    """A folder with cert.pem and key.pem for 127.0.0.1."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([world.BUILD / "server/dmvisord", "--make-certificate", folder, "127.0.0.1", "localhost"], check=True)
    return folder


def mac_digest(user, password, nonce, body):
    ha1 = syncml.b64(hashlib.md5(f"{user}:{password}".encode()).digest())
    return syncml.b64(hashlib.md5(f"{ha1}:".encode() + nonce + b":" + syncml.b64(hashlib.md5(body).digest()).encode()).digest())


class Said:
    """What the agent posted."""

    def __init__(self, url, headers, body):
        self.url, self.headers, self.bytes = url, dict(headers), body
        root = ET.fromstring(body) if body.strip() else ET.Element("SyncML")
        for e in root.iter():
            e.tag = e.tag.split("}")[-1]
        self.session, self.msg = root.findtext("SyncHdr/SessionID"), root.findtext("SyncHdr/MsgID")
        self.cred = root.findtext("SyncHdr/Cred/Data")
        self.commands = list(root.find("SyncBody")) if root.find("SyncBody") is not None else []

    def status(self, cmd_ref):
        """(code, nonce asked for) of the Status for the command with this CmdID; "0" is our header."""
        for c in self.commands:
            if c.tag == "Status" and c.findtext("CmdRef") == cmd_ref:
                nonce = c.findtext("Chal/Meta/NextNonce")
                return c.findtext("Data"), base64.b64decode(nonce) if nonce else None
        return None, None

    def values(self):
        """uri -> what Results say, as text."""
        return {i.findtext("Source/LocURI"): i.findtext("Data") or "" for c in self.commands if c.tag == "Results" for i in c.findall("Item")}


class Impostor:
    """`answer(said)` gives (status, headers, body) for each message; the sockets note everything."""

    def __init__(self, answer, tls=None):
        self.came, self.answer, me = [], answer, self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                said = Said(self.path, self.headers, body)
                me.came.append(said)
                status, headers, out = me.answer(said)
                self.send_response(status)
                for k, v in {"Content-Type": syncml.XML, "Content-Length": str(len(out)), **headers}.items():
                    self.send_header(k, v)
                self.end_headers()
                self.wfile.write(out)

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.http.server_port}/dm"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


def message(said, body, resp_uri=None, nonce=None, final=True):
    """A server's message; with a nonce it has the server's true credentials."""
    cred = ""
    if nonce is not None:
        cred = ('<Cred><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">syncml:auth-md5</Type></Meta>'
                f"<Data>{syncml.digest(*SERVER, nonce)}</Data></Cred>")
    uri = f"<RespURI>{resp_uri}</RespURI>" if resp_uri else ""
    return (f'<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>{said.session}</SessionID>'
            f"<MsgID>{said.msg}</MsgID><Target><LocURI>IMEI:1</LocURI></Target><Source><LocURI>{SERVER_ID}</LocURI></Source>{uri}{cred}</SyncHdr>"
            f"<SyncBody>{body}{'<Final/>' if final else ''}</SyncBody></SyncML>").encode()


def header(said, code="212", chal=None):
    more = ""
    if chal is not None:
        more = ('<Chal><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">syncml:auth-md5</Type>'
                f'<NextNonce xmlns="syncml:metinf">{syncml.b64(chal)}</NextNonce></Meta></Chal>')
    return f"<Status><CmdID>1</CmdID><MsgRef>{said.msg}</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>{more}<Data>{code}</Data></Status>"


class Place:
    """In the place of world.Server: an agent's account leads wherever the test says."""

    def __init__(self, url, ca=None, **account):
        self.ca = str(ca / "cert.pem") if ca else None
        self.account = {"serverId": SERVER_ID, "url": url, "clientName": CLIENT[0], "clientPassword": CLIENT[1], "serverName": SERVER[0],
                        "serverPassword": SERVER[1], "clientNonce": syncml.b64(b"client-nonce-001"), "serverNonce": syncml.b64(b"server-nonce-001"),
                        "auth": "md5", "pollS": 0, **account}

    def register(self, phone, labels=None, push=None):
        return self.account


def phone(folder, place, **settings):
    """A real agent over the hypervisor in memory."""
    settings.setdefault("encoding", "xml")
    return world.Phone(folder / "phone", place, hypervisor__uri="sim:", **settings)
