from __future__ import annotations

import json
from typing import Any

import pytest

from hyok.policy.dialects import IDENTITY_POLICY, KEY_POLICY, PROXY_POLICY, Dialect
from hyok.policy.document import Choice, Effect, PrincipalEntry, PrincipalKind, Principals
from hyok.policy.errors import PolicyError, PolicyTooLargeError
from hyok.policy.operators import OPERATORS, Family, Qualifier, parse_operator
from hyok.policy.parsing import parse_policy

STATEMENT: dict[str, Any] = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}


def document(**changes: Any) -> str:
    """Write a policy of one statement, which starts at line 4; an element that is None is left out."""
    statement = {name: value for name, value in (STATEMENT | changes).items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=1)


def fault_of(text: str | bytes, dialect: Dialect = KEY_POLICY) -> str:
    with pytest.raises(PolicyError) as raised:
        parse_policy(text, dialect)
    return str(raised.value)


def test_a_policy_is_read_whole() -> None:
    policy = parse_policy(
        """{
            "Version": "2012-10-17", "Id": "keys",
            "Statement": [
                {"Sid": "One", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",
                 "Principal": {"AWS": ["111122223333", "*"], "Service": "ebs.amazonaws.com"}},
                {"Effect": "Deny", "NotPrincipal": "*", "NotAction": ["kms:A*", "kms:B?"],
                 "NotResource": ["arn:aws:kms"], "Condition": {
                    "ForAnyValue:StringLikeIfExists": {"kms:ViaService": ["a", 7, true]},
                    "Null": {"a:b": false}}}
            ]}""",
        KEY_POLICY,
    )
    first, second = policy.statements
    assert (policy.id, policy.has_variables) == ("keys", True)
    assert (first.label, first.line, first.effect) == ("One", 4, Effect.ALLOW)
    assert first.principals == Principals(
        (
            PrincipalEntry(PrincipalKind.ACCOUNT, "111122223333"),
            PrincipalEntry(PrincipalKind.EVERYONE, "*"),
            PrincipalEntry(PrincipalKind.SERVICE, "ebs.amazonaws.com"),
        ),
        is_negated=False,
    )
    assert (first.actions, first.resources) == (
        Choice(("kms:Decrypt",), is_negated=False),
        Choice(("*",), is_negated=False),
    )
    assert (second.label, second.line, second.effect) == ("statement 2", 6, Effect.DENY)
    assert second.principals is not None
    assert second.principals.is_negated
    assert second.actions == Choice(("kms:A*", "kms:B?"), is_negated=True)
    assert second.resources == Choice(("arn:aws:kms",), is_negated=True)
    assert [(str(one.operator), one.key, one.texts) for one in second.conditions] == [
        ("ForAnyValue:StringLikeIfExists", "kms:ViaService", ("a", "7", "true")),
        ("Null", "a:b", ("false",)),
    ]


def test_a_statement_need_be_no_list() -> None:
    assert len(parse_policy(json.dumps({"Statement": STATEMENT}), KEY_POLICY).statements) == 1


def test_bytes_are_utf_8() -> None:
    assert parse_policy(document(Sid="é").encode(), KEY_POLICY).statements[0].label == "é"
    assert fault_of(b'{\n"\xff"}') == "line 2, column 1: byte 4 is not UTF-8"


def test_an_empty_condition_is_none() -> None:
    assert parse_policy(document(Condition={}), KEY_POLICY).statements[0].conditions == ()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"Efect": "Allow"},
            'line 9, column 4: "Efect" is no element of a statement; did you mean "Effect"?',
        ),
        ({"principal": "*"}, 'line 9, column 4: "principal" is no element of a statement; did you mean "Principal"?'),
        ({"Zzz": 1}, 'line 9, column 4: "Zzz" is no element of a statement'),
        ({"Effect": None}, "line 4, column 3: the statement has no Effect"),
        (
            {"Effect": "allow"},
            'line 5, column 14: Effect must be "Allow" or "Deny"; found "allow"; did you mean "Allow"?',
        ),
        ({"Effect": ["Allow"]}, "line 5, column 14: Effect must be a text, in double quotes"),
        ({"Sid": 7}, "line 9, column 11: Sid must be a text, in double quotes"),
        ({"Action": None}, "line 4, column 3: Action is missing"),
        ({"Action": []}, "line 7, column 14: Action must not be empty"),
        ({"Action": [7]}, "line 8, column 5: Action must be a text, in double quotes"),
        (
            {"Action": "Decrypt"},
            'line 7, column 14: "Decrypt" is no action; one is written as "kms:Encrypt" or "kms:*"',
        ),
        ({"NotAction": "kms:A"}, "line 9, column 4: a statement has either Action or NotAction"),
        ({"NotResource": "*"}, "line 9, column 4: a statement has either Resource or NotResource"),
        ({"Resource": None}, "line 4, column 3: Resource is missing"),
        ({"Resource": "key/1"}, 'line 8, column 16: "key/1" is no resource: it must be "*" or an ARN'),
        (
            {"Resource": "arn:aws:kms:*:${aws:PrincipalAccount}:key/*"},
            'line 8, column 16: "arn:aws:kms:*:${aws:PrincipalAccount}:key/*": '
            "a variable may stand in the last field of the ARN only",
        ),
        (
            {"Resource": "arn:aws:kms:*:1:key/${"},
            'line 8, column 16: "arn:aws:kms:*:1:key/${": '
            "\"${\" begins no variable: ${key}, ${key, 'default'}, ${*}, ${?} or ${$}",
        ),
        ({"Principal": None}, "line 4, column 3: Principal is missing"),
        (
            {"Principal": "111122223333"},
            'line 6, column 17: Principal must be "*" or an object, as {"AWS": "111122223333"}',
        ),
        ({"Principal": {}}, "line 6, column 17: Principal must not be empty"),
        ({"Principal": ["*"]}, "line 6, column 17: Principal must be an object"),
        ({"Principal": {"Aws": "*"}}, 'line 7, column 5: "Aws" is no element of Principal; did you mean "AWS"?'),
        (
            {"Principal": {"CanonicalUser": "79a5"}},
            "line 7, column 5: CanonicalUser is for S3 only; name an account, a user or a role by AWS",
        ),
        (
            {"Principal": {"AWS": "alice"}},
            'line 7, column 12: "alice" is no principal: it must be "*", 12 digits, or the ARN of an account '
            "(arn:aws:iam::123456789012:root), a user, a role or a session",
        ),
        (
            {"Principal": {"AWS": "arn:aws:iam::111122223333:role/*"}},
            'line 7, column 12: "arn:aws:iam::111122223333:role/*": a principal of a key policy has no wildcards; '
            'write "*" and a condition on aws:PrincipalArn',
        ),
        ({"Principal": {"Service": "*"}}, 'line 7, column 16: "*" is no name of a Service principal'),
        ({"Principal": {"Federated": ""}}, 'line 7, column 18: "" is no name of a Federated principal'),
        ({"Condition": []}, "line 9, column 17: Condition must be an object"),
        (
            {"Condition": {"StringEqual": {"a:b": "c"}}},
            'line 10, column 5: "StringEqual" is no condition operator; did you mean "StringEquals"?',
        ),
        (
            {"Condition": {"ForAnyValues:StringEquals": {"a:b": "c"}}},
            'line 10, column 5: "ForAnyValues" is no set operator; did you mean "ForAnyValue"?',
        ),
        (
            {"Condition": {"NullIfExists": {"a:b": "true"}}},
            "line 10, column 5: Null stands alone: it takes neither IfExists nor a set operator",
        ),
        ({"Condition": {"Bool": {}}}, "line 10, column 13: Bool must be an object with a condition key at least"),
        (
            {"Condition": {"Bool": {"SecureTransport": "true"}}},
            'line 11, column 6: "SecureTransport" is no condition key; one is written as aws:SourceVpc',
        ),
        ({"Condition": {"Bool": {"a:b": []}}}, "line 11, column 13: a:b must not be empty"),
        ({"Condition": {"Bool": {"a:b": None}}}, "line 11, column 13: a:b must be a text, in double quotes"),
        ({"Condition": {"Bool": {"a:b": "yes"}}}, 'line 11, column 13: "yes" is not what Bool takes: true or false'),
        (
            {"Condition": {"NumericEquals": {"a:b": "many"}}},
            'line 11, column 13: "many" is not what NumericEquals takes: a number',
        ),
        (
            {"Condition": {"DateLessThan": {"a:b": "tomorrow"}}},
            'line 11, column 13: "tomorrow" is not what DateLessThan takes: an instant: ISO 8601, or Unix seconds',
        ),
        (
            {"Condition": {"NotIpAddress": {"a:b": ["10.0.0.0/8", "10.0.0.0/40"]}}},
            'line 13, column 7: "10.0.0.0/40" is not what NotIpAddress takes: an IP address or network',
        ),
        (
            {"Condition": {"BinaryEquals": {"a:b": "YQ"}}},
            'line 11, column 13: "YQ" is not what BinaryEquals takes: Base64',
        ),
        (
            {"Condition": {"ArnLike": {"a:b": "*"}}},
            'line 11, column 13: "*" is not what ArnLike takes: an ARN, wildcards within its fields '
            "(an ARN has six fields divided by colons, as arn:aws:iam::123456789012:role/name)",
        ),
        (
            {"Condition": {"StringEquals": {"a:b": "${x"}}},
            'line 11, column 13: "${x" is not what StringEquals takes: a text '
            "(\"${\" begins no variable: ${key}, ${key, 'default'}, ${*}, ${?} or ${$})",
        ),
    ],
)
def test_a_faulty_statement_is_refused_at_its_place(changes: dict[str, Any], fault: str) -> None:
    assert fault_of(document(**changes)) == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[]", "line 1, column 1: a policy must be an object"),
        ('{"Statements": []}', 'line 1, column 2: "Statements" is no element of a policy; did you mean "Statement"?'),
        ("{}", "line 1, column 1: Statement is missing"),
        ('{"Statement": []}', "line 1, column 15: Statement must not be empty"),
        ('{"Statement": ["x"]}', "line 1, column 16: a statement must be an object"),
        ('{"Id": 7, "Statement": []}', "line 1, column 8: Id must be a text, in double quotes"),
        (
            '{"Version": "2012-10-18"}',
            'line 1, column 13: Version must be "2012-10-17" or "2008-10-17"; found "2012-10-18"',
        ),
    ],
)
def test_a_faulty_document_is_refused_at_its_place(text: str, fault: str) -> None:
    assert fault_of(text) == fault


def test_two_statements_of_one_name_are_refused() -> None:
    text = json.dumps({"Statement": [STATEMENT | {"Sid": "A"}] * 2}, indent=1)
    assert fault_of(text) == 'line 10, column 3: "A" names the statement of line 3 already'


def test_notprincipal_goes_with_deny_only() -> None:
    fault = 'line 8, column 4: NotPrincipal goes with "Effect": "Deny" only'
    assert fault_of(document(Principal=None, NotPrincipal="*")) == fault
    parse_policy(document(Effect="Deny", Principal=None, NotPrincipal="*"), KEY_POLICY)


def test_a_document_beyond_the_limit_is_refused_by_its_bytes() -> None:
    text = document(Sid="é" * 100)
    size = len(text.encode())
    parse_policy(text, KEY_POLICY, max_bytes=size)
    with pytest.raises(PolicyTooLargeError, match=f"at most {size - 1} bytes, this one has {size}"):
        parse_policy(text, KEY_POLICY, max_bytes=size - 1)
    with pytest.raises(PolicyTooLargeError, match="at most 32768 bytes"):
        parse_policy(b" " * 32_769, KEY_POLICY)


def test_a_text_beyond_the_limit_is_refused() -> None:
    parse_policy(document(Sid="a" * 4096), KEY_POLICY)
    assert "Sid must have at most 4096 characters" in fault_of(document(Sid="a" * 4097))


def test_an_identity_policy_has_neither_principal_nor_id() -> None:
    parse_policy(document(Principal=None), IDENTITY_POLICY)
    assert fault_of(document(), IDENTITY_POLICY) == "line 6, column 4: an identity policy has no Principal"
    assert fault_of('{"Id": "x", "Statement": {}}', IDENTITY_POLICY) == "line 1, column 2: an identity policy has no Id"


def test_a_proxy_policy_needs_its_version() -> None:
    parse_policy(document(Resource=None), PROXY_POLICY)
    assert fault_of(json.dumps({"Statement": STATEMENT}), PROXY_POLICY) == "line 1, column 1: Version is missing"
    old = document().replace("2012-10-17", "2008-10-17")
    assert fault_of(old, PROXY_POLICY) == 'line 2, column 13: Version must be "2012-10-17"; found "2008-10-17"'


@pytest.mark.parametrize("action", ["kms:*", "*", "KMS:encrypt", "kms:GenerateDataKey*", "*:De*"])
def test_an_action_of_the_proxy_is_allowed(action: str) -> None:
    parse_policy(document(Action=action), PROXY_POLICY)


def test_an_action_that_the_proxy_has_not_is_a_typing_error() -> None:
    fault = 'line 7, column 14: "kms:Encript" is no action of a proxy policy; did you mean "kms:Encrypt"?'
    assert fault_of(document(Action="kms:Encript"), PROXY_POLICY) == fault


@pytest.mark.parametrize("key", ["kms:ViaService", "AWS:sourcevpc", "hyok:RequestMetadata/anything at all"])
def test_a_condition_key_of_the_proxy_is_allowed(key: str) -> None:
    parse_policy(document(Condition={"StringEquals": {key: "x"}}), PROXY_POLICY)


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [
        ("kms:ViaServic", '; did you mean "kms:ViaService"?'),
        ("hyok:RequestMetadata/", '; did you mean "hyok:RequestMetadata/NAME"?'),
        ("zzz:zzzzzzzz", ""),
    ],
)
def test_a_condition_key_that_the_proxy_has_not_is_a_typing_error(key: str, suggestion: str) -> None:
    fault = fault_of(document(Condition={"StringEquals": {key: "x"}}), PROXY_POLICY)
    assert fault == f'line 11, column 6: "{key}" is no condition key of a proxy policy{suggestion}'


def test_a_variable_of_the_proxy_must_be_a_condition_key_too() -> None:
    fault = fault_of(document(Condition={"StringEquals": {"kms:ViaService": "${aws:SourceVpx}"}}), PROXY_POLICY)
    assert '"aws:sourcevpx" is no condition key of a proxy policy; did you mean "aws:SourceVpc"?' in fault


def test_a_deny_of_the_proxy_gives_its_variables_a_default() -> None:
    def condition(value: str) -> dict[str, Any]:
        return {"StringNotEquals": {"aws:SourceVpc": value}}

    parse_policy(document(Condition=condition("${aws:SourceVpce}")), PROXY_POLICY)
    parse_policy(document(Effect="Deny", Condition=condition("${aws:SourceVpce, 'none'}")), PROXY_POLICY)
    fault = fault_of(document(Effect="Deny", Condition=condition("${aws:SourceVpce}")), PROXY_POLICY)
    assert fault == (
        "line 11, column 23: without aws:sourcevpce in the request this statement would deny nothing; "
        "give a default, as ${aws:sourcevpce, 'none'}"
    )


@pytest.mark.parametrize(
    "principal",
    [
        *("arn:aws:iam::1*:root", "arn:*:iam::111122223333:user/team/*", "arn:aws:iam::*:role/App-?"),
        *("arn:aws:sts::111122223333:assumed-role/App/*", "arn:aws:iam::111122223333:*"),
        *("arn:aws:sts::*:federated-user/a*", "arn:aws:iam::111122223333:role/path/App", "*"),
    ],
)
def test_a_principal_of_the_proxy_may_have_wildcards(principal: str) -> None:
    parse_policy(document(Principal={"AWS": principal}), PROXY_POLICY)


@pytest.mark.parametrize(
    "principal",
    [
        *("arn:aws:*::111122223333:user/a", "arn:aws:iam:*:111122223333:user/a", "arn:aws:iam::*:group/a", "1111*"),
        *("arn:aws:iam::*:rol*", "arn:aws:sts::*:assumed-role/App", "arn:aws:kms:eu:*:key/a", "a*", "arn:*"),
    ],
)
def test_a_pattern_of_no_principal_is_refused(principal: str) -> None:
    assert "is no principal: with wildcards, it must be" in fault_of(
        document(Principal={"AWS": principal}), PROXY_POLICY
    )


def test_a_role_with_wildcards_has_no_path() -> None:
    fault = fault_of(document(Principal={"AWS": "arn:aws:iam::*:role/path/App"}), PROXY_POLICY)
    assert "leave out the path of the role: sessions do not tell it, and a name is unique in its account" in fault


def test_every_operator_is_read_in_any_case_with_every_qualifier() -> None:
    for operator in OPERATORS:
        assert parse_operator(operator.name.upper()).operator is operator
        assert str(parse_operator(operator.name.lower())) == operator.name
        if operator.family is not Family.PRESENCE:
            for qualifier in Qualifier:
                name = f"{qualifier.value}:{operator.name}IfExists"
                assert str(parse_operator(name)) == name


def test_there_are_the_27_operators_of_aws() -> None:
    assert len({operator.name for operator in OPERATORS}) == 27
