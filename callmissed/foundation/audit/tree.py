"""Proofs from a Merkle tree (RFC 6962 §2.1, RFC 9162 §2.1.3 and §2.1.4) whose leaf hashes are at hand."""

from collections.abc import Sequence

from callmissed.foundation.audit.verify import EMPTY, hash_node


class Tree:
    """A tree over leaf hashes. Building it hashes each inner node once; a proof then takes a few look-ups."""

    def __init__(self, leaf_hashes: Sequence[bytes]) -> None:
        self.size = len(leaf_hashes)
        self._levels = [list(leaf_hashes)]
        while len(below := self._levels[-1]) > 1:
            self._levels.append([hash_node(*below[i : i + 2]) for i in range(0, len(below) - 1, 2)])

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves; over all by default."""
        size = self.size if size is None else size
        return self._over(0, size) if size else EMPTY

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The proof that leaf `index` is in the tree of the first `size` leaves."""
        start, end = 0, self.size if size is None else size
        proof: list[bytes] = []
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._over(middle, end))
                end = middle
            else:
                proof.append(self._over(start, middle))
                start = middle
        return proof[::-1]

    def consistency(self, old_size: int, size: int | None = None) -> list[bytes]:
        """The proof that the tree of `size` leaves begins with the tree of `old_size`."""
        start, end, whole = 0, self.size if size is None else size, True
        if old_size in (0, end):
            return []
        proof: list[bytes] = []
        while old_size != end:
            middle = start + _split(end - start)
            if old_size <= middle:
                proof.append(self._over(middle, end))
                end = middle
            else:
                proof.append(self._over(start, middle))
                start, whole = middle, False
        if not whole:
            proof.append(self._over(start, end))
        return proof[::-1]

    def _over(self, start: int, end: int) -> bytes:
        """The hash over leaves `start` to `end`, where `start` is a multiple of the largest power of two inside."""
        width = end - start
        if width & (width - 1) == 0:
            return self._levels[width.bit_length() - 1][start // width]
        middle = start + _split(width)
        return hash_node(self._over(start, middle), self._over(middle, end))


def _split(width: int) -> int:
    """The largest power of two smaller than `width`."""
    return 1 << (width - 1).bit_length() - 1
