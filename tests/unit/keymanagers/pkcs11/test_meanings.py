from __future__ import annotations

import pytest

from hyok.keymanagers.pkcs11.constants import ReturnCode, name_return_code
from hyok.keymanagers.pkcs11.meanings import Meaning, meaning_of


@pytest.mark.parametrize("function", ["C_EncryptInit", "C_Encrypt", "C_FindObjectsInit", "C_OpenSession"])
def test_outside_decryption_nothing_is_taken_for_an_altered_ciphertext(function: str) -> None:
    meanings = {meaning_of(function, code, decrypt_codes={}) for code in ReturnCode}
    assert Meaning.REJECTED not in meanings


@pytest.mark.parametrize("code", [ReturnCode.CKR_GENERAL_ERROR, ReturnCode.CKR_FUNCTION_FAILED, 0x80000001, 0x7777])
def test_a_code_that_may_mean_anything_is_suspect(code: int) -> None:
    for function in ("C_Decrypt", "C_Encrypt"):
        assert meaning_of(function, code, decrypt_codes={}) is Meaning.SUSPECT


def test_a_makers_word_for_a_wrong_tag_comes_first() -> None:
    maker = {0x80000001: Meaning.REJECTED, ReturnCode.CKR_DEVICE_ERROR: Meaning.REJECTED}
    for code in maker:
        assert meaning_of("C_Decrypt", code, decrypt_codes=maker) is Meaning.REJECTED
    assert meaning_of("C_Encrypt", ReturnCode.CKR_DEVICE_ERROR, decrypt_codes=maker) is Meaning.LOST


def test_a_lost_token_is_lost_in_decryption_too() -> None:
    for code in (ReturnCode.CKR_DEVICE_REMOVED, ReturnCode.CKR_TOKEN_NOT_PRESENT, ReturnCode.CKR_USER_NOT_LOGGED_IN):
        assert meaning_of("C_DecryptInit", code, decrypt_codes={}) is Meaning.LOST


def test_codes_are_named_as_in_the_standard_and_in_a_makers_manual() -> None:
    assert name_return_code(0xA0) == "CKR_PIN_INCORRECT"
    assert name_return_code(0x80000042) == "return code 0x80000042"
