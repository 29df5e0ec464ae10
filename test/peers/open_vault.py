"""Opens a vault without Strongroom, from the pages in docs/spec alone.

Shares no code with Strongroom and uses other implementations of everything
(Python's sqlite3, OpenSSL through `cryptography`, the reference argon2). Prints
one JSON object: what was checked, and every current value in base64.

usage: open_vault.py DIRECTORY KIND FILE... [--tokens FILE...] [--person FILE]
  KIND is keyfile, recovery, env, passphrase or shamir; FILEs hold what opens it,
  those behind --tokens a bearer credential each, that behind --person JSON of what
  somebody signs in with: name, password, totp (base32), recovery_codes; and the
  address from which wrong passwords were given.
"""

import base64
import hashlib
import hmac
import json
import re
import sqlite3
import sys
import time
import unicodedata
import uuid
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

checks = {}
envelopes_by_key = {}


def check(name, holds):
    """Counts one comparison; a failed one is kept under its name."""
    passed, failed = checks.get(name, (0, 0))
    checks[name] = (passed + bool(holds), failed + (not holds))


# --- docs/spec/envelope.md: notation ---


def text(part):
    return part.encode() if isinstance(part, str) else part


def lp(part):
    return len(text(part)).to_bytes(4, "big") + text(part)


def tuple_of(*parts):
    return b"".join(lp(part) for part in parts)


def u64(number):
    return number.to_bytes(8, "big")


def uuid_bytes(of):
    return uuid.UUID(of).bytes


def hkdf(key, salt, info, length):
    return HKDF(algorithm=hashes.SHA512(), length=length, salt=salt, info=text(info)).derive(key)


def mac_of(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def unb64url(value):
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def open_gcm(key, sealed, additional):
    return AESGCM(key).decrypt(sealed[:12], sealed[12:], additional)


# --- docs/spec/envelope.md: tokens ---


def token_body(kind, token):
    body, digest = token[:-7], token[-6:]
    expected = hashlib.sha256(b"strongroom/v1/token" + body.encode()).digest()
    check("token checks", base64.urlsafe_b64encode(expected).decode()[:6] == digest)
    prefix = f"sr_{kind}_"
    check("token types", body.startswith(prefix) and token[-7] == "_")
    return unb64url(body[len(prefix) :])


# --- docs/spec/keyring.md: slots ---


def gf_multiply(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def gf_invert(a):
    inverse = 1
    for _ in range(254):
        inverse = gf_multiply(inverse, a)
    return inverse


def combine_shares(tokens):
    shares = [token_body("share", token) for token in tokens]
    check("shares", all(len(s) == 44 and s[0] == 1 and s[1:9] == shares[0][1:9] for s in shares))
    points = [(share[-1], share[11:-1]) for share in shares]
    secret = bytearray(32)
    for x, y in points:
        weight = 1
        for other, _ in points:
            if other != x:
                weight = gf_multiply(weight, gf_multiply(other, gf_invert(other ^ x)))
        for at in range(32):
            secret[at] ^= gf_multiply(weight, y[at])
    return bytes(secret)


def read_input(kind, files):
    contents = [Path(file).read_text() for file in files]
    if kind == "keyfile":
        lines = [line.strip() for line in contents[0].splitlines()]
        [token] = [line for line in lines if line and not line.startswith("#")]
        return token_body("key", token)
    if kind == "recovery":
        return token_body("recovery", contents[0].strip())
    if kind == "env":
        return base64.b64decode(contents[0].strip())
    if kind == "shamir":
        return combine_shares([content.strip() for content in contents])
    return opaque_string(contents[0].rstrip("\n"))


def opaque_string(given):
    spaces = [" " if unicodedata.category(c) == "Zs" else c for c in given]
    return unicodedata.normalize("NFC", "".join(spaces)).encode()


def wrapping_key(kind, given, params):
    salt = base64.b64decode(params["salt"])
    if kind != "passphrase":
        return hkdf(given, salt, f"strongroom/v1/slot/{kind}", 32)
    if params["kdf"] == "argon2id":
        return hash_secret_raw(
            secret=given,
            salt=salt,
            time_cost=params["passes"],
            memory_cost=params["memory_kib"],
            parallelism=params["lanes"],
            hash_len=32,
            type=Type.ID,
            version=0x13,
        )
    iterations = params["iterations"]
    return PBKDF2HMAC(hashes.SHA256(), 32, salt, iterations).derive(given)


def open_root(vault, slots, kind, given):
    for slot in slots:
        if slot["kind"] != kind:
            continue
        key = wrapping_key(kind, given, json.loads(slot["params"]))
        additional = tuple_of(
            "strongroom/v1/slot",
            uuid_bytes(vault["id"]),
            uuid_bytes(slot["id"]),
            slot["kind"],
            uuid_bytes(slot["root_key_id"]),
            slot["params"],
        )
        try:
            root = open_gcm(key, slot["wrapped"], additional)
        except InvalidTag:
            continue
        root_id = hkdf(root, uuid_bytes(vault["id"]), "strongroom/v1/root-id", 16)
        check("root key id", str(uuid.UUID(bytes=root_id)) == vault["root_key_id"])
        return root
    sys.exit("no slot opens with what was given")


# --- docs/spec/keyring.md: keys under the root, row MACs, integrity rows ---


def open_keys(vault, rows, root):
    keys = {}
    for row in rows:
        if row["state"] == "destroyed":
            check("destroyed keys", row["wrapped"] == b"")
            continue
        workspace = uuid_bytes(row["workspace_id"]) if row["workspace_id"] else b""
        additional = tuple_of(
            "strongroom/v1/key",
            uuid_bytes(vault["id"]),
            uuid_bytes(row["id"]),
            row["purpose"],
            workspace,
            u64(row["number"]),
            row["backend"],
            uuid_bytes(row["root_key_id"]),
        )
        keys[row["id"]] = open_gcm(root, row["wrapped"], additional)
        if workspace == b"":
            keys[(row["purpose"], row["number"])] = keys[row["id"]]
    return keys


ENVELOPES = {
    ("secrets", "metadata"),
    ("secret_states", "metadata"),
    ("versions", "envelope"),
    ("layouts", "envelope"),
    ("personal_values", "envelope"),
    ("factors", "secret"),
    ("auth_methods", "secret"),
}
PROTECTED = [
    "vault",
    "slots",
    "keys",
    "key_uses",
    "workspaces",
    "environments",
    "principals",
    "roles",
    "grants",
    "memberships",
    "secrets",
    "versions",
    "layouts",
    "audit_logs",
    "groups",
    "settings",
    "secret_states",
    "imports",
    "personal_values",
    "verify_attempts",
    "jobs",
    "backups",
    "tokens",
    "revocations",
    "factors",
    "factor_uses",
    "auth_methods",
    "attempts",
]
IN_VAULT_SCOPE = [
    "vault",
    "slots",
    "workspaces",
    "principals",
    "audit_logs",
    "backups",
    "revocations",
    "auth_methods",
]
IN_SCOPE_OF_WORKSPACE = [
    "keys",
    "environments",
    "roles",
    "grants",
    "memberships",
    "groups",
    "settings",
    "imports",
    "personal_values",
]
COUNTED = IN_VAULT_SCOPE + IN_SCOPE_OF_WORKSPACE
# docs/spec/backup.md: what a backup does not have.
NOT_IN_BACKUPS = {"verify_attempts", "idempotency", "tokens", "factor_uses", "attempts"}
SINCE_SCHEMA_3 = {"revocations", "factors", "auth_methods"}


def column_bytes(table, name, value):
    if (table, name) in ENVELOPES:
        value = value[114:146]
    if isinstance(value, int):
        return b"\x01" + value.to_bytes(8, "big", signed=True)
    return (b"\x02" if isinstance(value, str) else b"\x03") + lp(value)


def rows_of(database, table):
    there = database.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", [table]).fetchone()
    if there is None and table in NOT_IN_BACKUPS | SINCE_SCHEMA_3:
        return []
    return database.execute(f'SELECT * FROM "{table}"').fetchall()


def check_rows(database, vault_id, keys):
    for table in PROTECTED:
        for row in rows_of(database, table):
            columns = b"".join(
                lp(name) + column_bytes(table, name, row[name])
                for name in sorted(row.keys())
                if name != "mac" and row[name] is not None
            )
            message = tuple_of("strongroom/v1/row", table, vault_id) + columns
            key = keys[("row-mac", row["mac_key"])]
            check(f"row MACs of {table}", mac_of(key, message) == row["mac"])


def check_integrity_rows(database, vault_id, keys):
    """Returns the state that the newest anchoring entry of the log must have."""
    found = {}
    for table in COUNTED:
        for row in rows_of(database, table):
            scope = "" if table in IN_VAULT_SCOPE else row["workspace_id"] or ""
            count, total = found.get(scope, (0, 0))
            key = keys[("row-mac", row["mac_key"])]
            addend = mac_of(key, tuple_of("strongroom/v1/integrity/addend", row["mac"]))
            found[scope] = (count + 1, total + int.from_bytes(addend, "big"))
    parts = []
    for row in database.execute("SELECT * FROM integrity ORDER BY scope"):
        key = keys[("row-mac", row["mac_key"])]
        count, total = found.pop(row["scope"], (0, 0))
        mask = mac_of(key, tuple_of("strongroom/v1/integrity/mask", row["scope"], row["nonce"]))
        total = (total + int.from_bytes(mask, "big")) % 2**256
        check("integrity rows: sum", total.to_bytes(32, "big") == row["mac_sum"])
        check("integrity rows: count", count == row["row_count"])
        message = tuple_of(
            "strongroom/v1/integrity",
            vault_id,
            row["scope"],
            u64(row["epoch"]),
            u64(row["row_count"]),
            row["nonce"],
            row["mac_sum"],
        )
        check("integrity rows: MAC", mac_of(key, message) == row["mac"])
        parts += [row["scope"], row["mac"]]
    check("integrity rows: every scope has one", not found)
    newest = max(number for purpose, number in filter_pairs(keys) if purpose == "row-mac")
    state = mac_of(keys[("row-mac", newest)], tuple_of("strongroom/v1/integrity/state", *parts))
    return base64.urlsafe_b64encode(state).decode().rstrip("=")


def filter_pairs(keys):
    return [key for key in keys if isinstance(key, tuple)]


# --- docs/spec/envelope.md: envelope and version record ---


def open_envelope(envelope, keys, domain, ids, number):
    """`ids` are vault, workspace, environment and subject, 16 bytes each."""
    check("envelope headers", envelope[:6] == b"SRE\x00\x01\x01")
    workspace_key_id = envelope[6:22]
    key = str(uuid.UUID(bytes=workspace_key_id))
    envelopes_by_key[key] = envelopes_by_key.get(key, 0) + 1
    context = (domain, b"\x01", *ids, u64(number))
    data_key = open_gcm(
        keys[key],
        envelope[22:82],
        tuple_of("strongroom/v1/wrap", *context, workspace_key_id),
    )
    derived = hkdf(data_key, envelope[82:114], "strongroom/v1/envelope-keys", 64)
    check("envelope commitments", derived[32:] == envelope[114:146])
    additional = tuple_of("strongroom/v1/envelope", *context)
    return open_gcm(derived[:32], envelope[146:], additional)


KINDS = {1: "text", 2: "bytes", 3: "fields"}


def read_record(record):
    """Gives kind and fields, `(name, kind, bytes)` each."""
    check("version records", record[0] == 1)
    kind, count, at, fields = KINDS[record[1]], int.from_bytes(record[2:4], "big"), 4, []

    def take():
        nonlocal at
        length = int.from_bytes(record[at : at + 4], "big")
        part = record[at + 4 : at + 4 + length]
        at += 4 + length
        return part

    for _ in range(count):
        name = take().decode()
        field_kind = KINDS[record[at]]
        at += 1
        fields.append((name, field_kind, take()))
    check("version records", at == len(record))
    names = [name.encode() for name, _, _ in fields]
    check("version records", names == sorted(set(names)) and (kind == "fields") == (names != [b""]))
    return kind, fields


def read_secrets(database, vault_id, keys):
    secrets = {}
    rows = database.execute(
        "SELECT s.*, e.name AS environment FROM secrets s JOIN environments e ON e.id = environment_id"
    ).fetchall()
    for row in rows:
        place = [vault_id, *map(uuid_bytes, (row["workspace_id"], row["environment_id"], row["id"]))]
        versions = {}
        for version in database.execute("SELECT * FROM versions WHERE secret_id = ?", [row["id"]]):
            number = version["version"]
            if version["destroyed_at"] is not None:
                check("destroyed versions", version["envelope"] == version["checksum"] == b"")
                versions[number] = None
                continue
            record = open_envelope(version["envelope"], keys, "value", place, number)
            message = tuple_of("strongroom/v1/checksum", uuid_bytes(row["id"]), u64(number), record)
            key = keys[("checksum", version["checksum_key"])]
            check("version checksums", mac_of(key, message) == version["checksum"])
            versions[number] = (read_record(record), version["envelope"][114:146])
        current = versions[row["current_version"]]
        if row["current_commit"] is not None:
            check("commitments of current versions", current[1] == row["current_commit"])
        metadata = None
        if row["metadata"] is not None:
            plain = open_envelope(row["metadata"], keys, "metadata", place, row["metadata_revision"])
            metadata = json.loads(plain)
        check("metadata revisions", (row["metadata"] is None) == (row["metadata_revision"] == 0))
        if row["destroyed_at"] is not None:
            emptied = ("metadata", "current_commit", "previous_version")
            check("destroyed secrets", all(row[name] is None for name in emptied))
            check("destroyed secrets", not any(versions.values()) and row["deleted_at"] is not None)
        states = read_states(database, vault_id, keys, row)
        if row["deleted_at"] is None and current is not None:
            kind, fields = current[0]
            secrets[f"{row['environment']}/{row['path']}"] = {
                "kind": kind,
                "fields": {name: base64.b64encode(value).decode() for name, _, value in fields},
                "versions": len(versions),
                "description": (metadata or {}).get("description"),
                "states": states,
            }
    return secrets


def read_states(database, vault_id, keys, secret):
    """What the row of a secret said before: each from `since` up to, not including, `until`."""
    rows = database.execute(
        "SELECT st.*, e.name FROM secret_states st LEFT JOIN environments e ON e.id = environment_id"
        " WHERE secret_id = ? ORDER BY number",
        [secret["id"]],
    ).fetchall()
    numbers = [row["number"] for row in rows]
    check("states are numbered without a gap", numbers == list(range(1, len(rows) + 1)))
    check("states of secrets: count", len(rows) == (secret["states"] or 0))
    began, states = secret["created_at"], []
    for row in rows:
        check("states join", began == row["since"] <= row["until"])
        check("states: workspace", row["workspace_id"] == secret["workspace_id"])
        began, metadata = row["until"], {}
        check("metadata revisions", (row["metadata"] is None) == (row["metadata_revision"] == 0))
        if secret["destroyed_at"] is not None:
            check("destroyed secrets", row["metadata"] is None)
        if row["metadata"] is not None:
            ids = (row["workspace_id"], row["environment_id"], secret["id"])
            place = [vault_id, *map(uuid_bytes, ids)]
            number = row["metadata_revision"]
            metadata = json.loads(open_envelope(row["metadata"], keys, "metadata", place, number))
        name = f"{row['name']}/{row['path']}"
        states.append({"name": name, "description": metadata.get("description")})
    if rows:
        check("states join", began == secret["state_since"])
    return states


def read_personal_values(database, vault_id, keys):
    values = {}
    for row in database.execute(
        "SELECT v.*, e.name AS environment, p.name AS principal FROM personal_values v"
        " JOIN environments e ON e.id = environment_id JOIN principals p ON p.id = principal_id"
    ):
        ids = (row["workspace_id"], row["environment_id"], row["id"])
        place = [vault_id, *map(uuid_bytes, ids)]
        record = open_envelope(row["envelope"], keys, "personal", place, row["revision"])
        kind, fields = read_record(record)
        values[f"{row['principal']}:{row['environment']}/{row['path']}"] = {
            "kind": kind,
            "fields": {name: base64.b64encode(value).decode() for name, _, value in fields},
            "revision": row["revision"],
        }
    return values


def read_layouts(database, vault_id, keys):
    layouts = {}
    for row in database.execute(
        "SELECT l.*, e.name, e.workspace_id FROM layouts l JOIN environments e ON e.id = environment_id"
    ):
        environment = uuid_bytes(row["environment_id"])
        place = [vault_id, uuid_bytes(row["workspace_id"]), environment, environment]
        plain = open_envelope(row["envelope"], keys, "layout", place, row["revision"])
        layouts[row["name"]] = json.loads(plain)["text"]
    return layouts


def check_idempotency(database, vault_id, keys):
    for row in rows_of(database, "idempotency"):
        subject = mac_of(
            keys[("fingerprint", row["fingerprint_key"])],
            tuple_of(
                "strongroom/v1/idempotency/answer",
                row["principal_id"],
                row["workspace_id"],
                row["operation"],
                row["key_mac"],
                row["input_mac"],
            ),
        )
        workspace = uuid_bytes(row["workspace_id"])
        place = [vault_id, workspace, workspace, subject[:16]]
        answer = json.loads(open_envelope(row["answer"], keys, "idempotency", place, 0))
        check("kept answers", isinstance(answer, dict))


# --- docs/spec/identities.md ---


def check_factors(database, vault_id, keys):
    by_principal = {}
    for factor in sorted(rows_of(database, "factors"), key=lambda row: row["id"]):
        by_principal.setdefault(factor["principal_id"], []).append(factor)
        if factor["secret"] is not None:
            place = [vault_id, vault_id, vault_id, uuid_bytes(factor["id"])]
            open_envelope(factor["secret"], keys, "factor", place, factor["revision"])
    for principal in rows_of(database, "principals"):
        factors = by_principal.get(principal["id"], [])
        parts = [part for row in factors for part in (uuid_bytes(row["id"]), row["mac"])]
        expected = hashlib.sha256(tuple_of("strongroom/v1/factors", *parts)).digest()
        said = principal["factors"] if "factors" in principal.keys() else None
        check("factors of principals", said == (expected if factors else None))
    for method in rows_of(database, "auth_methods"):
        if method["secret"] is not None:
            place = [vault_id, vault_id, vault_id, uuid_bytes(method["id"])]
            open_envelope(method["secret"], keys, "method", place, method["revision"])


def check_person(database, vault_id, keys, person):
    """What somebody was given, or chose, is what the factors of that principal say."""
    [principal] = [row for row in rows_of(database, "principals") if row["name"] == person["name"]]
    own = [row for row in rows_of(database, "factors") if row["principal_id"] == principal["id"]]
    factors = {row["kind"]: row for row in own}
    check("factors by kind", sorted(factors) == ["password", "recovery", "totp"] and len(own) == 3)
    check("factors are confirmed", all(row["confirmed_at"] is not None for row in own))
    data = json.loads(factors["password"]["data"])
    id_of = uuid_bytes(principal["id"])
    peppered = mac_of(
        keys[("pepper", data["pepper"])],
        tuple_of("strongroom/v1/password", vault_id, id_of, opaque_string(person["password"])),
    )
    hashed = hash_secret_raw(
        secret=peppered,
        salt=base64.b64decode(data["salt"]),
        time_cost=data["passes"],
        memory_cost=data["memory_kib"],
        parallelism=data["lanes"],
        hash_len=32,
        type=Type.ID,
        version=0x13,
    )
    check("passwords", data["kdf"] == "argon2id" and base64.b64decode(data["hash"]) == hashed)
    check("passwords: floor", data["memory_kib"] >= 19_456 and data["passes"] >= 2)
    totp = factors["totp"]
    place = [vault_id, vault_id, vault_id, uuid_bytes(totp["id"])]
    secret = open_envelope(totp["secret"], keys, "factor", place, totp["revision"])
    check("secrets of time-based codes", secret == base64.b32decode(person["totp"]) and len(secret) == 20)
    recovery = factors["recovery"]
    data, id_of = json.loads(recovery["data"]), uuid_bytes(recovery["id"])
    for shown in person["recovery_codes"]:
        code = base64.b32decode(shown.replace("-", ""))
        message = tuple_of("strongroom/v1/recovery-code", vault_id, id_of, code)
        expected = mac_of(keys[("recovery-code", data["key"])], message)
        check("recovery codes", base64.b64encode(expected).decode() in data["codes"])
    check("recovery codes", len(data["codes"]) == len(person["recovery_codes"]))
    attempts = {row["id"]: row for row in rows_of(database, "attempts")}
    id_of = uuid_bytes(principal["id"])
    for source in [("network", person["address"]), ("all",)]:
        parts = (vault_id, "password", "principal", id_of, *source)
        [number] = {row["fingerprint_key"] for row in attempts.values()}
        mac = mac_of(keys[("fingerprint", number)], tuple_of("strongroom/v1/attempts", *parts))
        name = base64.urlsafe_b64encode(mac[:16]).decode().rstrip("=")
        check("wrong guesses", name in attempts and attempts[name]["failures"] == 1)


TOKEN_KINDS = {
    "token": "token",
    "session": "session",
    "secretid": "secret_id",
    "invite": "invite",
    "device": "device",
    "challenge": "challenge",
    "known": "known",
}


def find_token(rows, vault_id, keys, token):
    """The row of a credential: the one whose digest was made of it, with the key that it names."""
    kind = token.split("_")[1]
    secret = token_body(kind, token)
    name = TOKEN_KINDS[kind]
    message = tuple_of("strongroom/v1/bearer", vault_id, name, secret)
    for row in rows:
        if row["digest"] == mac_of(keys[("token", row["token_key"])], message):
            check("kinds of credentials", row["kind"] == name)
            return row
    return None


def is_of_present(row, id_column, generation_column, others):
    if row[id_column] is None:
        return True
    other = others.get(row[id_column])
    if other is None or other["disabled_at"] is not None:
        return False
    return (other["generation"] or 0) == row[generation_column]


def is_valid(database, row, now):
    vault = database.execute("SELECT * FROM vault").fetchone()
    by_id = {
        table: {other["id"]: other for other in rows_of(database, table)}
        for table in ("principals", "auth_methods", "revocations")
    }
    now = max(now, row["created_at"], row["used_at"] or 0)
    rested = row["used_at"] if row["used_at"] is not None else row["created_at"]
    return (
        row["restore_id"] == (vault["restore_id"] or "")
        and is_of_present(row, "principal_id", "principal_generation", by_id["principals"])
        and is_of_present(row, "method_id", "method_generation", by_id["auth_methods"])
        and not {row["id"], row["family_id"]} & set(by_id["revocations"])
        and (row["expires_at"] is None or row["expires_at"] > now)
        and (row["idle_ms"] is None or rested + row["idle_ms"] > now)
        and (row["uses_left"] is None or row["uses_left"] > 0)
    )


def read_tokens(database, vault_id, keys, files):
    """What each given credential is; None where there is no such row."""
    rows = rows_of(database, "tokens")
    for row in rows:
        known = row["kind"] in TOKEN_KINDS.values() and row["carrier"] in ("bearer", "cookie")
        check("rows of credentials", known and len(row["digest"]) == 32)
    names = {row["id"]: row["name"] for row in rows_of(database, "principals")}
    found = []
    for file in files:
        row = find_token(rows, vault_id, keys, Path(file).read_text().strip())
        found.append(
            row
            and {
                "id": row["id"],
                "principal": names.get(row["principal_id"]),
                "limits": row["limits"] and json.loads(row["limits"]),
                "uses_left": row["uses_left"],
                "valid": is_valid(database, row, int(time.time() * 1000)),
            }
        )
    return found


# --- docs/spec/audit-log.md ---


MEMBERS = set(
    "v salt log seq time request actor actor_name actor_kind session ip user_agent face action"
    " workspace workspace_id environment environment_id path secret_id version decision rule"
    " outcome reason count revision commit state checkpoint detail".split()
)
MEMBERS_SINCE_2 = {"credential", "target", "method", "uses_left"}


def version_of(entry):
    return 2 if MEMBERS_SINCE_2 & set(entry) else 1


def check_uses(database, entries):
    """No credential has more uses left than the open log last said."""
    said = {}
    for entry in entries:
        if "uses_left" in entry:
            said[entry.get("credential", entry.get("target"))] = entry["uses_left"]
    for row in rows_of(database, "tokens"):
        if row["id"] in said and row["uses_left"] is not None:
            check("uses that are left", row["uses_left"] <= said[row["id"]])


def leaf_hash(body):
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(leaves):
    """RFC 6962 section 2.1, as it stands there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(tree_root(leaves[:split]), tree_root(leaves[split:]))


def check_note(note, log, leaves):
    body, signatures = note.split("\n\n")
    origin, size, root = body.split("\n")
    check("checkpoint origins", origin == log["origin"] == f"strongroom/{log['id']}")
    expected = base64.b64encode(tree_root(leaves[: int(size)])).decode()
    check("checkpoint roots", root == expected)
    found = {}
    for line in signatures.splitlines():
        name, blob = re.fullmatch(r"\u2014 (\S+) (\S+)", line).groups()
        decoded = base64.b64decode(blob)
        found[(name, decoded[:4])] = decoded[4:]
    signers = [
        (b"\x01", log["ed25519_public"], check_ed25519),
        (b"\x06", log["ml_dsa_public"], check_cosignature),
    ]
    for kind, public, verify in signers:
        key_hash = hashlib.sha256(origin.encode() + b"\n" + kind + public).digest()[:4]
        signature = found.get((origin, key_hash), b"")
        try:
            verify(public, signature, (origin, int(size), base64.b64decode(root)), body + "\n")
            holds = True
        except (InvalidSignature, ValueError):
            holds = False
        check(f"signatures: {verify.__name__[6:]}", holds)


def check_ed25519(public, signature, _checkpoint, body):
    Ed25519PublicKey.from_public_bytes(public).verify(signature, body.encode())


def check_cosignature(public, signature, checkpoint, _body):
    origin, size, root = checkpoint
    name = bytes([len(origin)]) + origin.encode()
    timestamp = signature[:8]
    message = b"subtree/v1\n\0" + name + timestamp + name + u64(0) + u64(size) + root
    check("checkpoints have no time", timestamp == u64(0))
    MLDSA44PublicKey.from_public_bytes(public).verify(signature[8:], message)


def check_signing_keys(log, keys):
    """The wrapped Ed25519 key is the one whose public key the log names."""
    private = serialization.load_der_private_key(keys[log["ed25519_key_id"]], None)
    public = private.public_key().public_bytes_raw()
    check("Ed25519 signing key", public == log["ed25519_public"])
    private = serialization.load_der_private_key(keys[log["ml_dsa_key_id"]], None)
    check("ML-DSA signing key", private.public_key().public_bytes_raw() == log["ml_dsa_public"])


def check_heads(database, vault_id, keys):
    """Gives size and root of each log after the newest transaction, by the log's number."""
    heads = {}
    for row in database.execute("SELECT h.*, l.id FROM audit_heads h JOIN audit_logs l ON number = log"):
        message = tuple_of(
            "strongroom/v1/audit-head",
            vault_id,
            uuid_bytes(row["id"]),
            u64(row["size"]),
            row["root"],
        )
        check("heads of logs: MAC", mac_of(keys[("row-mac", row["mac_key"])], message) == row["mac"])
        heads[row["log"]] = (row["size"], row["root"])
    return heads


def check_logs(database, vault_id, keys, state):
    entries, heads = 0, check_heads(database, vault_id, keys)
    for log in database.execute("SELECT * FROM audit_logs"):
        check_signing_keys(log, keys)
        number = [log["number"]]
        rows = database.execute("SELECT * FROM audit_entries WHERE log = ? ORDER BY seq", number)
        bodies = [row["body"] for row in rows]
        parsed = [json.loads(body) for body in bodies]
        for seq, (entry, body) in enumerate(zip(parsed, bodies)):
            check("entries: place", (entry["log"], entry["seq"]) == (log["id"], seq))
            check(f"entries of v {entry['v']}", entry["v"] == version_of(entry))
            check("entries: members", set(entry) <= MEMBERS | MEMBERS_SINCE_2)
            again = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            check("entries: canonical JSON", again == body)
        leaves = [leaf_hash(body.encode()) for body in bodies]
        check("heads of logs: tree", heads[log["number"]] == (len(leaves), tree_root(leaves)))
        for tile in database.execute("SELECT * FROM audit_tiles WHERE log = ?", number):
            width = 256 ** tile["level"]
            starts = range(tile["tile"] * 256 * width, (tile["tile"] + 1) * 256 * width, width)
            expected = b"".join(tree_root(leaves[start : start + width]) for start in starts)
            check("leaf hashes in tiles", expected == tile["hashes"])
        for row in database.execute("SELECT * FROM audit_checkpoints WHERE log = ?", number):
            check_note(row["note"], log, leaves)
        if log["state"] == "open":
            anchors = [entry["state"] for entry in parsed if "state" in entry]
            check("state that the log vouches for", anchors[-1] == state)
            check_uses(database, parsed)
        entries += len(bodies)
    return entries


def main(directory, kind, *given):
    given, person = split_at("--person", given)
    files, tokens = split_at("--tokens", given)
    database = sqlite3.connect(f"{Path(directory, 'vault.db').resolve().as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    application = database.execute("PRAGMA application_id").fetchone()[0]
    check("application id", application == 0x53524D31)
    vault = database.execute("SELECT * FROM vault").fetchone()
    slots = database.execute("SELECT * FROM slots").fetchall()
    root = open_root(vault, slots, kind, read_input(kind, files))
    json.dump(read_tables(database, root, tokens, person), sys.stdout)


def split_at(option, given):
    at = given.index(option) if option in given else len(given)
    return given[:at], given[at + 1 :]


def read_tables(database, root, tokens=(), person=()):
    """Holds all tables against one another, and gives what is in them."""
    vault = database.execute("SELECT * FROM vault").fetchone()
    rows = database.execute("SELECT * FROM keys").fetchall()
    keys = open_keys(vault, rows, root)
    vault_id = uuid_bytes(vault["id"])
    check_rows(database, vault_id, keys)
    state = check_integrity_rows(database, vault_id, keys)
    check_idempotency(database, vault_id, keys)
    check_factors(database, vault_id, keys)
    for file in person:
        check_person(database, vault_id, keys, json.loads(Path(file).read_text()))
    report = {
        "tokens": read_tokens(database, vault_id, keys, tokens),
        "secrets": read_secrets(database, vault_id, keys),
        "layouts": read_layouts(database, vault_id, keys),
        "personal": read_personal_values(database, vault_id, keys),
        "entries": check_logs(database, vault_id, keys, state),
        "workspace_keys": {
            f"{row['name']}/{row['number']}": {
                "state": row["state"],
                "envelopes": envelopes_by_key.get(row["id"], 0),
            }
            for row in database.execute(
                "SELECT k.*, w.name FROM keys k JOIN workspaces w ON w.id = workspace_id"
                " WHERE purpose = 'workspace' ORDER BY number"
            )
        },
    }
    return report | {"checks": {name: {"passed": p, "failed": f} for name, (p, f) in checks.items()}}


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
