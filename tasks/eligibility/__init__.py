"""Eligibility inquiries in X12, over HTTP or over two folders; the connector `x12_eligibility` opens one of them."""
