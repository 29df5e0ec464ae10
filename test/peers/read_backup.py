"""Verifies and opens a backup without Strongroom, from docs/spec/backup.md alone.

Shares no code with Strongroom. What the tables in a backup say is then read by
`open_vault.py`, like the tables of a vault. Prints one JSON object; what is
refused ends it with 1, and a line that begins with "refused: ".

usage: read_backup.py verify FILE PUBLIC
       read_backup.py open FILE PUBLIC KIND KEYS...
       read_backup.py unsigned FILE KIND KEYS...
  PUBLIC is a file with the verifier key; KIND and KEYS are those of open_vault.py.
  `unsigned` leaves the signature out, to see what is refused without it.
"""

import base64
import hashlib
import hmac
import json
import re
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from open_vault import check, hkdf, mac_of, open_gcm, open_root, read_input, read_tables
from open_vault import SINCE_SCHEMA_3, tuple_of, uuid_bytes


class Refused(Exception):
    pass


def must(holds, what):
    if not holds:
        raise Refused(what)


def canonical(value):
    """RFC 8785 for what is in a header: text, lists, and integers below 2^53."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse_canonical(line, what):
    try:
        value = json.loads(line)
    except ValueError:
        raise Refused(what) from None
    must(canonical(value) == line, what)
    return value


# --- Header ---

MEMBERS = (
    "id vault created_at schema root_key_id generation audit_log audit_size audit_keys"
    " secrets versions signed_by slots file_key"
).split()
SLOT_MEMBERS = "id kind params root_key_id wrapped".split()
HEADER_MAX = 2**20
SCHEMA = 3


def read_header(data):
    """Gives the members, what the header's MAC is over, the MAC, and where the body begins."""
    first = data.find(b"\n", 0, 64)
    must(data[: first + 1] == b"strongroom.backup/1\n", "the format")
    second = data.find(b"\n", first + 1, first + 2 + HEADER_MAX)
    third = data.find(b"\n", second + 1, second + 64)
    must(-1 not in (second, third), "the header's lines")
    header = parse_canonical(data[first + 1 : second], "the header's JSON")
    must(sorted(header) == sorted(MEMBERS), "the header's members")
    must(header["schema"] <= SCHEMA, "tables of a newer schema")
    must(all(sorted(slot) == sorted(SLOT_MEMBERS) for slot in header["slots"]), "a slot's members")
    must(data[second + 1 : second + 5] == b"mac ", "the header's third line")
    mac = base64.b64decode(data[second + 5 : third], validate=True)
    return header, data[: second + 1], mac, third + 1


# --- Signature ---


def public_key(line, vault):
    """A C2SP verifier key of Ed25519, named as those of backups are."""
    name, digest, encoded = re.fullmatch(r"([^+]+)\+([0-9a-f]{8})\+(\S+)", line).groups()
    must(name == f"strongroom-backup/{vault}", "the verifier key's name")
    key = base64.b64decode(encoded, validate=True)
    expected = hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8]
    must(digest == expected and key[0] == 1, "the verifier key")
    return Ed25519PublicKey.from_public_bytes(key[1:])


def check_signature(data, header, known):
    """The key in the header proves nothing by itself: it has to be the one that is known."""
    must(header["signed_by"] == known + "\n", "signed by another key")
    signed = tuple_of("strongroom/v1/backup/signature", hashlib.sha256(data[:-64]).digest())
    try:
        public_key(known, header["vault"]).verify(data[-64:], signed)
    except InvalidSignature:
        raise Refused("the signature") from None


def read_known(path):
    lines = Path(path).read_text().splitlines()
    [line] = [line for line in lines if not line.startswith("#")]
    return line


# --- Keys ---


def open_header(header, covered, mac, kind, files):
    """Gives the root key and the file key, after the header's MAC was checked."""
    vault = {"id": header["vault"], "root_key_id": header["root_key_id"]}
    slots = [slot | {"wrapped": base64.b64decode(slot["wrapped"])} for slot in header["slots"]]
    root = open_root(vault, slots, kind, read_input(kind, files))
    vault_id, backup_id = uuid_bytes(header["vault"]), uuid_bytes(header["id"])
    additional = tuple_of(
        "strongroom/v1/backup/file-key", vault_id, backup_id, uuid_bytes(header["root_key_id"])
    )
    backup_key = hkdf(root, vault_id, "strongroom/v1/backup", 32)
    try:
        file_key = open_gcm(backup_key, base64.b64decode(header["file_key"]), additional)
    except InvalidTag:
        raise Refused("the file key") from None
    header_key = hkdf(file_key, backup_id, "strongroom/v1/backup/header", 32)
    must(hmac.compare_digest(mac_of(header_key, covered), mac), "the header's MAC")
    return root, hkdf(file_key, backup_id, "strongroom/v1/backup/body", 32)


# --- Body: chunks, frames, tables ---

CHUNK = 65_536


def decrypt_body(body, key):
    sealed = [body[at : at + CHUNK + 16] for at in range(0, len(body), CHUNK + 16)]
    must(len(sealed) > 0 and len(sealed[-1]) > 16, "the last chunk")
    plain, aead = [], AESGCM(key)
    for number, chunk in enumerate(sealed):
        last = b"\x01" if number == len(sealed) - 1 else b"\x00"
        try:
            plain.append(aead.decrypt(number.to_bytes(11, "big") + last, chunk, None))
        except InvalidTag:
            raise Refused(f"chunk {number}") from None
    return b"".join(plain), len(sealed)


def frames_of(plain):
    at = 0
    while at < len(plain):
        length = int.from_bytes(plain[at : at + 4], "big")
        end = at + 4 + length
        must(length > 0 and end <= len(plain), "the length of a frame")
        yield chr(plain[at + 4]), plain[at + 5 : end], plain[at:end]
        at = end


def read_row(content, width):
    at, row = 0, []

    def take(length):
        nonlocal at
        part = content[at : at + length]
        must(len(part) == length, "a row")
        at += length
        return part

    for _ in range(width):
        kind = take(1)[0]
        must(kind <= 3, "the type of a column")
        if kind == 0:
            row.append(None)
        elif kind == 1:
            row.append(int.from_bytes(take(8), "big", signed=True))
        else:
            value = take(int.from_bytes(take(4), "big"))
            row.append(value.decode() if kind == 2 else value)
    must(at == len(content), "a row")
    return row


# In their order in a backup, each with the key that its rows ascend by.
TABLES = {
    "vault": ["id"],
    "slots": ["id"],
    "keys": ["id"],
    "key_uses": ["key_id", "node"],
    "integrity": ["scope"],
    "principals": ["id"],
    "factors": ["id"],
    "auth_methods": ["id"],
    "revocations": ["id"],
    "workspaces": ["id"],
    "environments": ["id"],
    "groups": ["id"],
    "roles": ["id"],
    "memberships": ["id"],
    "grants": ["id"],
    "settings": ["id"],
    "imports": ["id"],
    "jobs": ["id"],
    "backups": ["id"],
    "secrets": ["id"],
    "secret_states": ["secret_id", "number"],
    "versions": ["secret_id", "version"],
    "layouts": ["environment_id"],
    "personal_values": ["id"],
    "audit_logs": ["number"],
    "audit_entries": ["log", "seq"],
    "audit_tiles": ["log", "level", "tile"],
    "audit_heads": ["log"],
    "audit_checkpoints": ["log", "size"],
}


def tables_of(schema):
    return [name for name in TABLES if schema >= 3 or name not in SINCE_SCHEMA_3]


class Table:
    def __init__(self, content, frame):
        head = parse_canonical(content, "the head of a table")
        must(sorted(head) == ["columns", "table"], "the head of a table")
        self.name, self.columns, self.rows = head["table"], head["columns"], []
        self.hash = hashlib.sha256(frame)
        must(self.columns == sorted(set(self.columns)), "the order of columns")

    def add(self, content, frame):
        self.rows.append(read_row(content, len(self.columns)))
        self.hash.update(frame)

    def key_of(self, row):
        values = [row[self.columns.index(name)] for name in TABLES[self.name]]
        return [value.encode() if isinstance(value, str) else value for value in values]

    def summary(self):
        return {"rows": len(self.rows), "sha256": self.hash.hexdigest(), "table": self.name}


def read_frames(plain, schema):
    tables, end = [], None
    for kind, content, frame in frames_of(plain):
        must(end is None, "a frame behind the last one")
        if kind == "T":
            tables.append(Table(content, frame))
        elif kind == "R" and tables:
            tables[-1].add(content, frame)
        elif kind == "E":
            end = parse_canonical(content, "the end of the body")
        else:
            raise Refused("the kind of a frame")
    must(end is not None, "the end of the body")
    must([table.name for table in tables] == tables_of(schema), "the tables and their order")
    return tables, end


def check_tables(tables, end):
    check("tables of a backup", len(end["tables"]) == len(tables) and list(end) == ["tables"])
    for table, said in zip(tables, end["tables"]):
        check("rows and SHA-256 of each table", table.summary() == said)
        keys = [table.key_of(row) for row in table.rows]
        check("the order of rows", all(a < b for a, b in zip(keys, keys[1:])))


def fill(tables):
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    for table in tables:
        columns = ", ".join(f'"{name}"' for name in table.columns)
        database.execute(f'CREATE TABLE "{table.name}" ({columns})')
        places = ", ".join("?" for _ in table.columns)
        database.executemany(f'INSERT INTO "{table.name}" VALUES ({places})', table.rows)
    return database


def check_header(header, database):
    """What the header says of the tables is what the tables say."""

    def is_same(name, query, *values):
        check("the header's members", list(database.execute(query, values).fetchone()) == [header[name]])

    is_same("vault", "SELECT id FROM vault")
    is_same("root_key_id", "SELECT root_key_id FROM vault")
    is_same("generation", "SELECT restore_generation FROM vault")
    is_same("secrets", "SELECT count(*) FROM secrets")
    is_same("versions", "SELECT count(*) FROM versions")
    is_same("audit_log", "SELECT id FROM audit_logs WHERE state = 'open'")
    is_same(
        "audit_size",
        "SELECT count(*) FROM audit_entries JOIN audit_logs ON number = log WHERE id = ?",
        header["audit_log"],
    )
    names = ", ".join(SLOT_MEMBERS)
    rows = database.execute(f"SELECT {names} FROM slots WHERE pending_since IS NULL")
    slots = {row["id"]: dict(row) for row in rows}
    said = [slot | {"wrapped": base64.b64decode(slot["wrapped"])} for slot in header["slots"]]
    check("the header's slots", {slot["id"]: slot for slot in said} == slots)
    [log] = database.execute("SELECT * FROM audit_logs WHERE state = 'open'")
    lines = []
    for kind, public in ((b"\x01", log["ed25519_public"]), (b"\x06", log["ml_dsa_public"])):
        digest = hashlib.sha256(log["origin"].encode() + b"\n" + kind + public).hexdigest()[:8]
        lines.append(f"{log['origin']}+{digest}+{base64.b64encode(kind + public).decode()}")
    said = [line for line in header["audit_keys"].splitlines() if not line.startswith("#")]
    check("the header's verifier keys", sorted(said) == sorted(lines))


# --- Receipt ---


def check_receipt(path, data, header, known):
    moment = datetime.fromtimestamp(header["created_at"] / 1000, UTC).isoformat(timespec="milliseconds")
    created = moment.replace("+00:00", "Z")
    time = created.replace("-", "").replace(":", "")
    name = f"strongroom-{header['vault']}-{time}.backup.receipt"
    check("the file's name", Path(path).name == name)
    text, signatures = Path(path).read_text().split("\n\n")
    text += "\n"
    lines = text.splitlines()
    check("the receipt's lines", lines[0] == "strongroom backup receipt/1")
    said = dict(line.split(" ", 1) for line in lines[1:])
    expected = {
        "vault": header["vault"],
        "backup": header["id"],
        "created": created,
        "bytes": str(len(data)),
        "sha256": hashlib.sha256(data).hexdigest(),
        "audit": f"{header['audit_log']} {header['audit_size']}",
        "secrets": str(header["secrets"]),
        "versions": str(header["versions"]),
    }
    members = "vault backup created proven bytes sha256 audit secrets versions decrypted".split()
    check("the receipt's lines", list(said) == members)
    check("the receipt is of this file", expected.items() <= said.items())
    name, blob = re.fullmatch("\u2014 (\\S+) (\\S+)\n", signatures).groups()
    decoded = base64.b64decode(blob, validate=True)
    check("the receipt's key", known.startswith(f"{name}+{decoded[:4].hex()}+"))
    try:
        public_key(known, header["vault"]).verify(decoded[4:], text.encode())
        holds = True
    except InvalidSignature:
        holds = False
    check("the receipt's signature", holds)


def main(what, path, *rest):
    data = Path(path).read_bytes()
    header, covered, mac, begin = read_header(data)
    must(len(data) >= begin + 64, "the length of the file")
    if what != "unsigned":
        known = read_known(rest[0])
        check_signature(data, header, known)
        rest = rest[1:]
    if what == "verify":
        return {"id": header["id"], "secrets": header["secrets"], "versions": header["versions"]}
    root, body_key = open_header(header, covered, mac, rest[0], rest[1:])
    plain, chunks = decrypt_body(data[begin:-64], body_key)
    tables, end = read_frames(plain, header["schema"])
    check_tables(tables, end)
    database = fill(tables)
    check_header(header, database)
    if what == "open":
        check_receipt(f"{path}.receipt", data, header, known)
    return {"chunks": chunks, "body": begin} | read_tables(database, root)


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("verify", "open", "unsigned"):
        sys.exit(__doc__)
    try:
        json.dump(main(*sys.argv[1:]), sys.stdout)
    except (Refused, ValueError) as refused:
        sys.exit(f"refused: {refused}")
