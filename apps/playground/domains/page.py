"""What a domain gives for its page."""

from typing import Any

Page = tuple[bytes, dict[str, Any], dict[str, bytes]]
"""The graph, what the card says of the domain, and files that the page asks for when it shows them."""
