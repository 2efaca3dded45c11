"""A subclass is taken where its base is wanted, not the other way round."""


class User:
    def name(self) -> str:
        return ""


class Admin(User):
    def ban(self, who: User) -> None:
        return None


class Root:
    def admin(self) -> Admin:
        return Admin()

    def invite(self, who: User) -> None:
        return None

    def promote(self, who: Admin) -> None:
        return None
