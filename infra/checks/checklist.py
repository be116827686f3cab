"""What is checked: each check is a promise in words, and a function that raises when it is not kept."""

checks = []


def check(title, once=False):
    """Registers a check. It is run for each choice of parameters, or once, for the defaults."""

    def keep(run):
        checks.append((title, run, once))
        return run

    return keep


def each(found):
    """Fails with everything that was found wrong, a line each."""
    found = sorted(map(str, found))
    assert not found, "".join(f"\n    {one}" for one in found)


def same(what, is_, should):
    """Fails with the difference of two sets."""
    is_, should = set(is_), set(should)
    each([f"{what}: {one} is missing" for one in should - is_] + [f"{what}: {one} is too much" for one in is_ - should])
