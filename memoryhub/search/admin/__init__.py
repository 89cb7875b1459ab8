from memoryhub.search.admin import index, spaces

__all__ = ["index", "spaces"]
