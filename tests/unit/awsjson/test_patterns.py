from __future__ import annotations

import re
import time
import warnings

import pytest

from hyok.awsjson.model import load_model
from hyok.awsjson.patterns import translate_pattern

PATTERNS = {name: shape.pattern for name, shape in load_model().shapes.items() if shape.pattern is not None}
EXAMPLES = {
    "AccountIdType": ("123456789012", "12345678901a"),
    "AliasNameType": ("alias/my:key_1-a", "alias/my key"),
    "BackingKeyIdResponseType": ("0123abcdef", "0123ABCDEF"),
    "BackingKeyIdType": ("0" * 64, "g" * 64),
    "CloudHsmClusterIdType": ("cluster-abcdefg2345", "cluster-abcdefg0000"),
    "GrantConstraintSourceArnType": (
        "arn:aws-cn:s3:eu-central-1:123456789012:bucket/\u2603 x",
        "arn:aws:s3::123456789012:a\u2028b",
    ),
    "GrantNameType": ("my:grant/_-1", "my.grant"),
    "KeyIdType": ("arn:aws:kms:eu-central-1:123456789012:key/x y", "schl\u00fcssel"),
    "KeyMaterialDescriptionType": ("a:/_ \t.-", "a\u00a0b"),
    "MarkerType": (" ~\u00ff", "\u0100"),
    "PolicyNameType": ("default_1", "d\u00e9fault"),
    "PolicyType": ('{"Version": "2012-10-17"}\t\r\n\u00ff', "{\u0000}"),
    "PrincipalIdType": ("arn:aws:iam::123456789012:user/+=,.@-_", "a b"),
    "RegionType": ("us-gov-west-1", "eu-1"),
    "ServicePrincipalType": ("cks.kms.eu-central-1.amazonaws.com", "amazonaws.com"),
    "XksKeyIdType": ("a.b-c_9", "a/b"),
    "XksProxyAuthenticationAccessKeyIdType": ("ABCDEFGHIJKLMNOP2345", "ABCDEFGHIJKLMNOP0189"),
    "XksProxyAuthenticationRawSecretAccessKeyType": ("aB3/+=" * 8, "aB3/+-" * 8),
    "XksProxyUriEndpointType": ("https://xks.example.com", "https://xks.example.com:8443"),
    "XksProxyUriPathType": ("/a/b-c_d/kms/xks/v1", "/a b/kms/xks/v1"),
    "XksProxyVpcEndpointServiceNameType": (
        "com.amazonaws.vpce.us-gov-west-1.vpce-svc-0a1b",
        "com.amazonaws.vpce.eu.vpce-svc-0a1b",
    ),
}


@pytest.mark.parametrize("shape", PATTERNS)
def test_every_pattern_of_the_model_takes_what_it_should_and_refuses_what_it_should(shape: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = re.compile(translate_pattern(PATTERNS[shape])).search
    good, bad = EXAMPLES[shape]

    assert search(good)
    assert not search(bad)


@pytest.mark.parametrize("shape", PATTERNS)
def test_a_trailing_newline_is_never_overlooked(shape: str) -> None:
    good, _ = EXAMPLES[shape]
    is_newline_in_class = shape in {"KeyMaterialDescriptionType", "PolicyType", "KeyIdType"}

    matches = re.search(translate_pattern(PATTERNS[shape]), f"{good}\n")

    assert (matches is not None) == is_newline_in_class


@pytest.mark.parametrize("shape", PATTERNS)
@pytest.mark.parametrize("hostile", ["a", "a-", "/", ":", ".", "a.", "1", "arn:aws", "/kms/xks/v1", "https://", " "])
def test_no_pattern_takes_long_over_100_kilobytes(shape: str, hostile: str) -> None:
    good, _ = EXAMPLES[shape]
    text = good[:-1] + hostile * (100_000 // len(hostile)) + "\u2028"
    search = re.compile(translate_pattern(PATTERNS[shape])).search

    began = time.process_time()
    matched = search(text)

    assert not matched
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize(
    ("java", "good", "bad"),
    [
        ("ab|cd", "cd", "abcd"),
        (r"[\w]+", "a_1", "\u00e9"),
        (r"\d+", "19", "\u0661"),
        (r"a.c", "a\u00e9c", "a\u2028c"),
        (r"a[.]c", "a.c", "abc"),
        (r"a\.c", "a.c", "abc"),
        (r"\p{ASCII}*", "\x00\x7f", "\x80"),
        (r"[\p{ASCII}\u00e9]+", "a\u00e9", "\u00e8"),
        (r"[\u0020-\u00FF]*", " \u00ff", "\u0100"),
    ],
)
def test_a_construct_means_what_it_means_in_java(java: str, good: str, bad: str) -> None:
    search = re.compile(translate_pattern(java)).search

    assert search(good)
    assert not search(bad)


@pytest.mark.parametrize("java", [r"\p{L}+", r"[a-z&&[^b]]", r"(?i)a", r"[a[b]]", r"\h", r"\Qa\E", r"a\Z", r"(a)\1"])
def test_a_construct_that_is_not_known_to_mean_the_same_is_refused(java: str) -> None:
    with pytest.raises(ValueError, match="is not translated yet"):
        translate_pattern(java)
