"""Answers requests with pictures over HTTP."""
