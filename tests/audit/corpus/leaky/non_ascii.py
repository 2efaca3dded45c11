"""Names that look alike in a review."""


class Root:
    def pаy(self) -> None:  # ! non-ascii-name Root.pаy()
        return None

    def charge(self, аmount: int) -> None:  # ! non-ascii-name Root.charge()
        return None
