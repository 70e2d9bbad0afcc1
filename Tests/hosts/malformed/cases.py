#!/usr/bin/env python3
"""Writes malformed model files, and what each is to be refused with.

    cases.py MODEL FOLDER

MODEL is a good one, which adapts by gradient. FOLDER/cases then has a line for each file: its name, the status, and what the text says, with tabs between
them. A file whose name ends in .unsigned awaits its checksum, of which 32 zeros hold the place: so that what lies behind the
checksum's test is reached.
"""
import json
import os
import struct
import sys

HEADER, RECORD = struct.Struct("<6I3Q"), struct.Struct("<8IQ2I")
ZEROS = "0" * 32
LIMIT_HEADER, LIMIT_TENSORS, LIMIT_ENTRIES = 16 << 20, 4096, 4096

source, folder = sys.argv[1], sys.argv[2]
golden = open(source, "rb").read()
cases = []


def parts(content):
    """The header and the data of a model file."""
    size = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + size]), content[8 + size :]


golden_parts = golden_header, golden_data = parts(golden)
# As small as models can be that adapt in either way.
by_gradient, closed_form = (
    parts(open(os.path.join(os.path.dirname(__file__), f"../../golden/fuzz/adaptable/seed-{n}"), "rb").read()) for n in (0, 1))


def case(status, text, content, unsigned=False):
    name = f"{len(cases) + 1:03}" + (".unsigned" if unsigned else "")
    with open(f"{folder}/{name}", "wb") as file:
        file.write(content)
    cases.append((name, status, text))


def raw(header, data=b"", size=None):
    text = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def foreign(status, text, header, data=4):
    """A file without a checksum, whose header is written as it is."""
    case(status, text, raw(header, bytes(data)))


def tensor(dtype="F32", shape="[1]", offsets="[0,4]"):
    return f'{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}'


def model(status, message, settings=None, tensors=None, drop=(), of=golden_parts):
    """A good model with other settings (None: without it), with other bytes of tensors, or without some."""
    good, good_data = of
    entries = {**good["__metadata__"], "checksum": ZEROS, **(settings or {})}
    header = {"__metadata__": {key: value for key, value in entries.items() if value is not None}}
    data = b""
    for name, declaration in good.items():
        if name == "__metadata__" or name in drop:
            continue
        begin, end = declaration["data_offsets"]
        new = (tensors or {}).get(name, good_data[begin:end])
        shape = [len(new)] if declaration["dtype"] == "U8" else declaration["shape"]
        if len(new) != end - begin and declaration["dtype"] != "U8":
            shape = [len(new) // 4]
        header[name] = {"dtype": declaration["dtype"], "shape": shape, "data_offsets": [len(data), len(data) + len(new)]}
        data += new
    text = json.dumps(header, separators=(",", ":")).encode()
    case(status, message, raw(text + b" " * ((-8 - len(text)) % 64), data), unsigned=True)


def program_of(name, of=golden_parts):
    header, data = of
    begin, end = header[name]["data_offsets"]
    return bytearray(data[begin:end])


def program(status, message, change, name="program/inspect", of=golden_parts):
    """A good model with a changed program: change takes its bytes, header fields and all, in a bytearray."""
    content = program_of(name, of)
    changed = change(content)
    model(status, message, tensors={name: bytes(content if changed is None else changed)}, of=of)


def renamed(old, new):
    """Calls an input or output otherwise, by as many letters."""
    return lambda content: content.replace(b"\0" + old + b"\0", b"\0" + new + b"\0")


def header_field(index, value):
    def change(content):
        fields = list(HEADER.unpack_from(content))
        fields[index] = value(fields) if callable(value) else value
        HEADER.pack_into(content, 0, *fields)
    return change


def record_field(kind, index, value):
    """Sets a field of the first buffer of a kind (None: of any)."""
    def change(content):
        for number in range(HEADER.unpack_from(content)[2]):
            at = HEADER.size + number * RECORD.size
            fields = list(RECORD.unpack_from(content, at))
            if kind is None or fields[0] == kind:
                fields[index] = value
                RECORD.pack_into(content, at, *fields)
                return
    return change


def word(index, value):
    """Sets a word of the instructions: 0 opcode, 1 word count, 2 inputs, 3 output, 4 the first operand of the first."""
    def change(content):
        at = HEADER.size + HEADER.unpack_from(content)[2] * RECORD.size + 4 * index
        struct.pack_into("<I", content, at, value)
    return change


# ---- What is no such file ----
case("MF_E_FORMAT", "0 bytes: not a .safetensors file, or cut off", b"")
case("MF_E_FORMAT", "9 bytes: not a .safetensors file", raw("{"))
case("MF_E_FORMAT", "not a .safetensors file", b"\x89PNG\r\n\x1a\n" + bytes(100))
case("MF_E_FORMAT", "not a .safetensors file", b"\x1f\x8b\x08" + bytes(100))
case("MF_E_FORMAT", "not a .safetensors file", b"a text file, and no model at all")
case("MF_E_FORMAT", "not a .safetensors file", bytes(100))
case("MF_E_FORMAT", "not a .safetensors file", raw("[]"))
case("MF_E_FORMAT", "not a .safetensors file", raw("{}", size=0))
case("MF_E_FORMAT", "not a .safetensors file", raw("{}", size=1))
case("MF_E_FORMAT", "it is cut off", raw("{}", size=3))
case("MF_E_FORMAT", "it is cut off", raw("{}", size=(1 << 64) - 1))
case("MF_E_FORMAT", "it is cut off", raw("{}", size=1 << 63))
case("MF_E_LIMIT", f"a header of {LIMIT_HEADER + 1} bytes", raw(b"{}" + b" " * (LIMIT_HEADER - 1)))

# ---- JSON ----
foreign("MF_E_FORMAT", "text after its end", "{}x", 0)
foreign("MF_E_FORMAT", "text after its end", "{}\0", 0)
foreign("MF_E_FORMAT", "expected", tensor()[:-1])
foreign("MF_E_FORMAT", "'\"' expected", "{a:1}")
foreign("MF_E_FORMAT", "'\"' expected", "{,}")
foreign("MF_E_FORMAT", "'\"' expected", tensor()[:-1] + ",}")
foreign("MF_E_FORMAT", "':' expected", '{"a"}')
foreign("MF_E_FORMAT", "'{' expected", '{"a":1}')
foreign("MF_E_FORMAT", "'{' expected", '{"a":' + "[" * 5000 + "}")
foreign("MF_E_FORMAT", "unfinished string", '{"a')
foreign("MF_E_FORMAT", "unfinished string", '{"a\\"')
foreign("MF_E_FORMAT", "unknown escape", '{"a\\q":1}')
foreign("MF_E_FORMAT", "unknown escape", '{"\\u0000":1}')
foreign("MF_E_FORMAT", "unknown escape", '{"\\ud800":1}')
foreign("MF_E_FORMAT", "unknown escape", '{"\\u12')
foreign("MF_E_FORMAT", "control character", '{"a\tb":1}')
foreign("MF_E_FORMAT", "control character", '{"a\0b":1}')
foreign("MF_E_FORMAT", "'\"' expected", '{"__metadata__":{"a":1}}')
foreign("MF_E_FORMAT", "'{' expected", '{"__metadata__":[]}')
foreign("MF_E_FORMAT", "metadata twice", '{"__metadata__":{},"__metadata__":{}}')
foreign("MF_E_LIMIT", f"over {LIMIT_ENTRIES} entries",
        '{"__metadata__":{' + ",".join(f'"{i}":""' for i in range(LIMIT_ENTRIES + 1)) + "}}")
foreign("MF_E_LIMIT", f"over {LIMIT_TENSORS} tensors",
        "{" + ",".join(f'"{i}":{tensor("U8", "[0]", "[0,0]")[5:-1]}' for i in range(LIMIT_TENSORS + 1)) + "}", 0)

# ---- Tensors ----
foreign("MF_E_UNSUPPORTED", "type F64", tensor("F64"))
foreign("MF_E_UNSUPPORTED", "is of type ;", tensor(""))
foreign("MF_E_FORMAT", "unexpected 'other'", '{"a":{"other":1}}')
foreign("MF_E_FORMAT", "unexpected 'dtype'", '{"a":{"dtype":"F32","dtype":"F32"}}')
foreign("MF_E_FORMAT", "lacks", '{"a":{"dtype":"F32","shape":[1]}}')
foreign("MF_E_FORMAT", "'\"' expected", '{"a":{}}')
foreign("MF_E_FORMAT", "number expected", tensor(shape="[-1]"))
foreign("MF_E_FORMAT", "']' expected", tensor(shape="[1.5]"))
foreign("MF_E_FORMAT", "']' expected", tensor(shape="[1e9]"))
foreign("MF_E_FORMAT", "number too large", tensor(shape="[18446744073709551616]"))
foreign("MF_E_FORMAT", "over 6 numbers", tensor(shape="[1,1,1,1,1,1,1]"))
foreign("MF_E_LIMIT", "too large", tensor(shape="[4294967296,4294967296]"))
foreign("MF_E_LIMIT", "too large", tensor(shape="[18446744073709551609,3]"))
foreign("MF_E_FORMAT", "has not the bytes of its shape", tensor(shape="[2]"))
foreign("MF_E_FORMAT", "has not the bytes of its shape", tensor(shape="[0,18446744073709551609]"))
foreign("MF_E_FORMAT", "has not the bytes of its shape", tensor("U8"))
foreign("MF_E_FORMAT", "1 data offsets", tensor(offsets="[0]"))
foreign("MF_E_FORMAT", "over 2 numbers", tensor(offsets="[0,4,8]"))
foreign("MF_E_FORMAT", "does not lie", tensor(offsets="[4,0]"))
foreign("MF_E_FORMAT", "does not lie", tensor(offsets="[4,8]"), 8)
foreign("MF_E_FORMAT", "does not lie", tensor(offsets="[0,18446744073709551609]"))
foreign("MF_E_FORMAT", "does not lie", tensor(shape="[2]", offsets="[0,8]"))
foreign("MF_E_FORMAT", "of which tensors take 4", tensor() + " " * (-len(tensor()) % 8), 8)
foreign("MF_E_FORMAT", "at an odd address", tensor() + " " * (-len(tensor()) % 8 + 1))
both = tensor() [:-1] + ',"b":{"dtype":"F32","shape":[1],"data_offsets":[%s]}}'
foreign("MF_E_FORMAT", "does not lie", both % "2,6" + " " * (-len(both % "2,6") % 8), 6)
foreign("MF_E_FORMAT", "does not lie", both % "0,4" + " " * (-len(both % "0,4") % 8), 4)
twice = (both % "4,8").replace('"b"', '"a"')
foreign("MF_E_FORMAT", "'a' is there twice", twice + " " * (-len(twice) % 8), 8)

# ---- The kind of file, and its checksum ----
foreign("MF_E_FORMAT", "not a Metaformer model", tensor() + " " * (-len(tensor()) % 8))
model("MF_E_FORMAT", "not a Metaformer model", {"format": None})
model("MF_E_FORMAT", "not a Metaformer model", {"format": "other 1"})
model("MF_E_VERSION", "format 'metaformer 2'", {"format": "metaformer 2"})
model("MF_E_CHECKSUM", "the file is damaged", {"checksum": None})
model("MF_E_CHECKSUM", "the file is damaged", {"checksum": "0"})
case("MF_E_CHECKSUM", "the file is damaged", golden[:-1] + bytes([golden[-1] ^ 1]))

# ---- Settings ----
for key, value, status, message in [
    ("input.width", None, "MF_E_FORMAT", "no setting 'input.width'"),
    ("input.width", "", "MF_E_FORMAT", "not a number"),
    ("input.width", "wide", "MF_E_FORMAT", "not a number"),
    ("input.width", "32x", "MF_E_FORMAT", "not a number"),
    ("input.width", "nan", "MF_E_FORMAT", "not a number"),
    ("input.width", "1e", "MF_E_FORMAT", "not a number"),
    ("input.width", "31", "MF_E_LIMIT", "32 to 4096 are possible"),
    ("input.width", "-32", "MF_E_LIMIT", "32 to 4096 are possible"),
    ("input.height", "1e400", "MF_E_LIMIT", "32 to 4096 are possible"),
    ("input.height", "9" * 400, "MF_E_LIMIT", "32 to 4096 are possible"),
    ("input.width", "64", "MF_E_FORMAT", "has no input 'image'"),
    ("input.channels", None, "MF_E_FORMAT", "no setting 'input.channels'"),
    ("input.channels", "2", "MF_E_FORMAT", "1 and 3 are possible"),
    ("input.channels", "3", "MF_E_FORMAT", "has no input 'image'"),
    ("input.framing", "zoom", "MF_E_FORMAT", "stretch, letterbox and tile are possible"),
    ("score.share", "1.5", "MF_E_LIMIT", "0 to 1 are possible"),
    ("threshold", "high", "MF_E_FORMAT", "not a number"),
    ("appearance.contrast_low", "2", "MF_E_LIMIT", "0 to 1 are possible"),
]:
    model(status, message, {key: value})

# ---- Programs ----
program("MF_E_FORMAT", "has no header", lambda content: content[:40])
program("MF_E_FORMAT", "program declares", lambda content: content[:-8])
program("MF_E_FORMAT", "program declares", lambda content: content + bytes(8))
program("MF_E_FORMAT", "not a program", header_field(0, 0))
program("MF_E_VERSION", "program of version 2", header_field(1, 2))
program("MF_E_FORMAT", "declares more than", header_field(2, (1 << 32) - 1))
program("MF_E_FORMAT", "program declares", header_field(2, 1 << 20))
program("MF_E_FORMAT", "declares more than", header_field(3, (1 << 32) - 1))
program("MF_E_FORMAT", "declares more than", header_field(4, (1 << 32) - 1))
program("MF_E_FORMAT", "declares more than", header_field(5, (1 << 32) - 1))
program("MF_E_FORMAT", "declares more than", header_field(6, (1 << 64) - 1))
program("MF_E_FORMAT", "leaves its space", header_field(7, 0))
program("MF_E_LIMIT", "an arena over 1 TiB", header_field(7, (1 << 40) + 64))
program("MF_E_FORMAT", "of which its buffers take", header_field(7, 1 << 34))
program("MF_E_FORMAT", "a reserved field in use", header_field(8, 1))
program("MF_E_FORMAT", "words after the last instruction", header_field(3, lambda fields: fields[3] - 1))
program("MF_E_FORMAT", "runs past the end", header_field(3, lambda fields: fields[3] + 1))
program("MF_E_FORMAT", "is malformed", record_field(None, 0, 9))
program("MF_E_FORMAT", "is malformed", record_field(None, 1, 7))
program("MF_E_FORMAT", "is malformed", record_field(None, 10, 1))
program("MF_E_FORMAT", "has a dim of 0", record_field(None, 2, 0))
program("MF_E_LIMIT", "is too large", record_field(None, 2, (1 << 32) - 1))
program("MF_E_FORMAT", "leaves its space", record_field(0, 8, 1))
program("MF_E_FORMAT", "leaves its space", record_field(0, 8, 1 << 63))
program("MF_E_FORMAT", "has a wrong name", record_field(0, 9, 0))
program("MF_E_FORMAT", "has a wrong name", record_field(1, 9, (1 << 32) - 2))
program("MF_E_FORMAT", "has a wrong name", record_field(1, 9, (1 << 32) - 1))
program("MF_E_VERSION", "op 0 is not known", word(0, 0))
program("MF_E_VERSION", "is not known", word(0, (1 << 32) - 1))
program("MF_E_FORMAT", "runs past the end", word(1, 0))
program("MF_E_FORMAT", "runs past the end", word(1, (1 << 32) - 1))
program("MF_E_FORMAT", "inputs", word(2, 0))
program("MF_E_FORMAT", "runs past the end", word(2, (1 << 32) - 1))
program("MF_E_FORMAT", "is not there", word(3, (1 << 32) - 1))
program("MF_E_FORMAT", "is not there", word(4, (1 << 32) - 1))
program("MF_E_FORMAT", "program/gradient", header_field(3, 0), "program/gradient")
model("MF_E_FORMAT", "needs 'prior.encoder.0.weight'", drop=["prior.encoder.0.weight"])
model("MF_E_FORMAT", "which the file has not in this shape", tensors={"prior.encoder.0.weight": bytes(4)})
model("MF_E_FORMAT", "no prior to make it", drop=["program/prior"])
model("MF_E_FORMAT", "program/inspect writes", tensors={"program/inspect": bytes(program_of("program/update"))})
program("MF_E_FORMAT", "no input 'weight'", renamed(b"weight", b"height"), "program/gradient")
program("MF_E_FORMAT", "no output 'loss' of one number", renamed(b"loss", b"cost"), "program/gradient")
model("MF_E_FORMAT", "'w' has not the shape that program/inspect needs", tensors={"w": bytes(8)}, of=by_gradient)
for kind in "features", "observe", "fit", "map":
    model("MF_E_FORMAT", f"program/{kind} is missing", drop=[f"program/{kind}"], of=closed_form)
model("MF_E_FORMAT", "program/fit needs 's'", drop=["s"], of=closed_form)
program("MF_E_FORMAT", "program/observe needs 'z'", renamed(b"s", b"z"), "program/observe", closed_form)
program("MF_E_FORMAT", "program/observe takes 'features'", renamed(b"features", b"pictures"), "program/features", closed_form)
program("MF_E_FORMAT", "program/features has no input 'image'", lambda content: content.replace(b"image\0", b"photo\0", 1), "program/features", closed_form)

with open(f"{folder}/cases", "w") as file:
    file.writelines("\t".join(fields) + "\n" for fields in cases)
