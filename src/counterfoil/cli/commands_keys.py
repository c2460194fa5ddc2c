"""keys new, restore, list: private keys from chance, from words, and from what a person knows; and publishing them."""

from __future__ import annotations

import os
from typing import Annotated, NamedTuple

import typer

from counterfoil.cli.commands_names import publish, resolve
from counterfoil.cli.failures import UsageError
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeysOption, key_folder, open_store
from counterfoil.cli.options import JsonOption, signer_address
from counterfoil.cli.output import say, say_json, say_table
from counterfoil.cli.prompts import ask_secret
from counterfoil.custody import known_secrets, seed_words
from counterfoil.custody.derivation import ledger_secret
from counterfoil.custody.key_files import UNPROTECTED, KeyFolder
from counterfoil.custody.key_store import KeyStoreError, check_name
from counterfoil.custody.signers import Signer
from counterfoil.primitives.addresses import AddressKind, address_of, to_text
from counterfoil.primitives.signatures import public_key_of

WORDS_VARIABLE = "COUNTERFOIL_WORDS"
PASSWORD_VARIABLE = "COUNTERFOIL_PASSWORD"

NameArgument = Annotated[str, typer.Argument(help="Name of the key: a-z, 0-9, dot, hyphen, underscore.")]
UnprotectedOption = Annotated[
    bool, typer.Option("--unprotected", help="Without a passphrase: whoever has the file has the key.")
]
WordsOption = Annotated[
    bool,
    typer.Option("--words", help="From 24 words (BIP-39) that you write down; the key can be made again."),
]
FromPasswordOption = Annotated[
    bool,
    typer.Option(
        "--from-password",
        help="From user name, password and a salt: kept nowhere, made again from the three.",
    ),
]
ExtraWordOption = Annotated[
    bool, typer.Option("--extra-word", help="With --words: ask for a passphrase that is part of the seed.")
]
UserOption = Annotated[str, typer.Option("--user", help="With --from-password: your user name.")]
LedgerNameOption = Annotated[
    str,
    typer.Option("--ledger-name", help="With --from-password: the name of the ledger that the key is for."),
]
IndexOption = Annotated[int, typer.Option("--index", min=0, help="Which of the seed's keys; the first is 0.")]


class _Source(NamedTuple):
    """What a key is made from, and what its owner is told about that."""

    seed: bytes
    told: tuple[str, ...]


def new(
    name: NameArgument,
    keys: KeysOption = DEFAULT_KEYS,
    unprotected: UnprotectedOption = False,
    words: WordsOption = False,
    extra_word: ExtraWordOption = False,
    from_password: FromPasswordOption = False,
    user: UserOption = "",
    ledger_name: LedgerNameOption = "",
    index: IndexOption = 0,
) -> None:
    """Make a key and print its address.

    By chance, unless it shall be possible to make it again: with --words from words that are shown once, with
    --from-password from what you know. The passphrase of the file is asked for, or taken from COUNTERFOIL_PASSPHRASE.
    """
    check_name(name)
    if not _is_from_seed(words, from_password):
        folder = key_folder(keys, unprotected=UNPROTECTED if unprotected else None)
        _tell((folder or open_store(keys)).generate(name), keys)
        return
    folder = _folder_for_seeds(keys, unprotected)
    source = _new_words(extra_word) if words else _new_known(ledger_name, user)
    _tell(folder.keep(name, ledger_secret(source.seed, index)), keys)
    for line in source.told:
        say(line)


def restore(
    name: NameArgument,
    keys: KeysOption = DEFAULT_KEYS,
    unprotected: UnprotectedOption = False,
    words: WordsOption = False,
    extra_word: ExtraWordOption = False,
    from_password: FromPasswordOption = False,
    user: UserOption = "",
    ledger_name: LedgerNameOption = "",
    salt: Annotated[str, typer.Option("--salt", help="With --from-password: as it was shown.")] = "",
    index: IndexOption = 0,
    expect: Annotated[
        str, typer.Option("--expect", help="The key's address (cfk1...): nothing is written for another.")
    ] = "",
) -> None:
    """Make a key again from its words, or from user name, password and salt.

    Say --expect ADDRESS: a wrong extra word or password makes some key too, and only its address tells. Words are asked
    for, or taken from COUNTERFOIL_WORDS; a password from COUNTERFOIL_PASSWORD.
    """
    check_name(name)
    if not _is_from_seed(words, from_password):
        raise UsageError("Say what the key is made from: --words or --from-password.")
    expected = signer_address(expect) if expect else b""
    folder = _folder_for_seeds(keys, unprotected)
    if words:
        said = os.environ.get(WORDS_VARIABLE) or ask_secret("The words, with blanks between them")
        seed = seed_words.seed_of(said, _extra_word(extra_word))
    else:
        _require_names(ledger_name, user)
        if not salt:
            raise UsageError("Say --salt, as it was shown when the key was made.")
        seed = known_secrets.seed_of(ledger_name, user, _password(new=False), salt)
    secret = ledger_secret(seed, index)
    found = address_of(public_key_of(secret))
    if expected and found != expected:
        raise KeyStoreError(
            f"These make the key of {to_text(AddressKind.SIGNER, found)}, not the expected one; nothing was written."
            " Look at each of them, and at --index."
        )
    _tell(folder.keep(name, secret), keys)


def show(keys: KeysOption = DEFAULT_KEYS, json: JsonOption = False) -> None:
    """List the keys of a store. No passphrase and no PIN is needed."""
    found = open_store(keys).entries()
    if json:
        say_json(
            [
                {
                    "name": key.name,
                    "address": key.address,
                    "public_key": key.public_key.hex(),
                    "protection": key.protection,
                    "place": key.place,
                    "problem": key.problem,
                }
                for key in found
            ]
        )
        return
    if not found:
        say(f"There is no key in {keys}; make one with: counterfoil keys new NAME")
        return
    say_table(
        ("name", "address", "protection", "problem"),
        [(key.name, key.address, key.protection, key.problem) for key in found],
    )


def _tell(key: Signer, keys: str) -> None:
    say(f"Kept in: {keys}")
    say(f"Address: {to_text(AddressKind.SIGNER, key.address)}")
    say(f"Public:  {key.public_key.hex()}")


def _is_from_seed(words: bool, from_password: bool) -> bool:
    if words and from_password:
        raise UsageError("A key is made from words or from a password, not from both.")
    return words or from_password


def _folder_for_seeds(keys: str, unprotected: bool) -> KeyFolder:
    folder = key_folder(keys, unprotected=UNPROTECTED if unprotected else None)
    if folder is None:
        raise UsageError("A key that can be made again is outside any module: name a folder with --keys.")
    return folder


def _new_words(extra_word: bool) -> _Source:
    words = seed_words.new_words()
    seed = seed_words.seed_of(words, _extra_word(extra_word, new=True))
    told = [
        "Words:   " + words,
        "Write the words on paper now, in their order; they are not kept and not shown again. Whoever has them has the"
        " key: no photograph, no file, no message. Try `counterfoil keys restore --expect` before you rely on them.",
    ]
    if extra_word:
        told.append("The extra word is not on the paper: without it the words make another key.")
    return _Source(seed, tuple(told))


def _new_known(ledger_name: str, user: str) -> _Source:
    _require_names(ledger_name, user)
    salt = known_secrets.new_salt()
    seed = known_secrets.seed_of(ledger_name, user, _password(new=True), salt)
    return _Source(
        seed,
        (
            f"Salt:    {salt}",
            "Keep the salt (it is no secret, and your operator may keep a copy): user name, password and salt together"
            " make the key again, and nobody can make it for you. Anybody who knows the salt can try passwords without"
            " being noticed, so the password is all that protects the key: use it nowhere else, and do not forget it.",
        ),
    )


def _require_names(ledger_name: str, user: str) -> None:
    if not ledger_name or not user:
        raise UsageError("With --from-password say --ledger-name and --user; both are part of the key.")


def _password(*, new: bool) -> str:
    return os.environ.get(PASSWORD_VARIABLE) or ask_secret("Password that makes the key", new=new)


def _extra_word(wanted: bool, *, new: bool = False) -> str:
    return ask_secret("Extra word", new=new) if wanted else ""


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        help="Make, restore and list private keys; publish and look up public ones.",
        epilog="Example: counterfoil keys list",
    )
    group.command(
        "new",
        epilog="Example: counterfoil keys new savings --from-password --ledger-name market --user ann",
    )(new)
    group.command("restore", epilog="Example: counterfoil keys restore savings --words --expect cfk1...")(
        restore
    )
    group.command("list", epilog="Example: counterfoil keys list --json")(show)
    group.command("publish", epilog="Example: counterfoil keys publish alder.example --key alder")(publish)
    group.command("resolve", epilog="Example: counterfoil keys resolve alder.example --secure")(resolve)
    app.add_typer(group, name="keys")
