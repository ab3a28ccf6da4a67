"""What the description of the API says about keys; the gate is what checks them."""

from __future__ import annotations

from typing import Final

from fastapi import Depends
from fastapi.security import HTTPBearer

Key: Final = Depends(HTTPBearer(auto_error=False, scheme_name="key", description="An API key; docs/accounts.md"))
