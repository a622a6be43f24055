"""SLIP-0039: a secret in shares of words, of which any so many give it back and fewer tell nothing.

Written from the standard (https://github.com/satoshilabs/slips/blob/master/slip-0039.md), whose list of words stands
beside this, and proven by its test vectors.
"""
