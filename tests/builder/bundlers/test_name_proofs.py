"""A token is proven by the content, as real bundlers took it from there."""

from __future__ import annotations

import pytest

from hashserve.builder.bundlers.name_proofs import is_proven
from hashserve.builder.bundlers.name_tokens import token_of

WEBPACK = (
    b'"use strict";(self.webpackChunk=self.webpackChunk||[]).push([[242],{242(e,s,a){var c=a(775);a.d(s,'
    b'["go",0,()=>console.log(c.Q)])},775(e,s,a){const c="shared".repeat(3);a.d(s,["Q",0,c])}}]);'
)
RSPACK = (
    b'"use strict";(self.rspackChunk=self.rspackChunk||[]).push([[735],{242(s,e,r){var a=r(775);r.d(e,{},{'
    b'go:()=>console.log(a.Q)})},775(s,e,r){let a="shared".repeat(3);r.d(e,{},{Q:a})}}]);'
)
IMAGE = b"hashserve " * 40

PROVEN = [
    ("242.504b54c1b36a65438628.js", WEBPACK),
    ("735.5caded234be2a89a.js", RSPACK),
    ("665.4a923f1a73b3c4a0.css", b".lazy{color:red}"),
    ("assets/logo-DSyvffGb.png", IMAGE),
    ("media/logo-QLGL3LDF.png", IMAGE),
    ("a.098f6bcd4621.txt", b"test"),
]
"""Outputs of webpack, Rspack, Rollup, esbuild and of a tool that takes MD5."""


@pytest.mark.parametrize(("path", "content"), PROVEN)
def test_the_digest_of_the_content_proves_the_name(path: str, content: bytes) -> None:
    token = token_of(path)
    assert token is not None
    assert is_proven(token, content)
    assert not is_proven(token, content + b" ")


def test_the_digest_is_that_of_the_content_without_the_token_itself() -> None:
    token = token_of("a.098f6bcd4621.js")
    assert token is not None
    assert is_proven(token, b"te098f6bcd4621st")


def test_a_word_is_no_digest() -> None:
    token = token_of("a-HomePage.png")
    assert token is not None
    assert not is_proven(token, IMAGE)
