"""Commands that only read a storage, or this machine; none of them imports torch."""
