"""Appends newly declared numbers to the golden lists. A number that is recorded is never changed or removed here."""

from __future__ import annotations

import sys

from scripts.catalogue import GOLDEN, import_everything, numbers, recorded


def main() -> int:
    if failed := import_everything():
        for name, error in failed.items():
            print(f"{name} cannot be imported: {error!r}", file=sys.stderr)
        return 1
    for file_name, declared in numbers().items():
        known = recorded(file_name)
        taken = {number for number, _ in known}
        new = [(number, name) for number, name in declared if number not in taken]
        lines = [f"{number} {name}" for number, name in sorted(known + new)]
        heading = "# Published numbers: this list only grows. `make numbers` appends to it.\n"
        (GOLDEN / file_name).write_text(heading + "".join(f"{line}\n" for line in lines))
        print(f"{file_name}: {len(new)} new, {len(lines)} in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
