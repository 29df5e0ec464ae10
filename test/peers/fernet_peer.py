"""Python's `cryptography` on the other end of Fernet tokens. JSON in, JSON out."""

import base64
import json
import sys

from cryptography.fernet import Fernet

given = json.load(sys.stdin)
own_key = Fernet.generate_key().decode()
json.dump(
    {
        "opened": [
            base64.b64encode(Fernet(each["key"]).decrypt(each["token"].encode())).decode()
            for each in given["tokens"]
        ],
        "key": own_key,
        "tokens": [
            Fernet(own_key).encrypt(base64.b64decode(plain)).decode() for plain in given["plain"]
        ],
    },
    sys.stdout,
)
