"""`scripts/bench`: runs the benchmarks, prints tables, writes everything measured to a JSON file."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import click

from benchmarks import (
    audit,
    data_keys,
    features,
    fixed_rate,
    many_keys,
    new_connections,
    offered,
    pkcs11,
    policy_decisions,
    proxy_encrypt,
    transit,
    workers,
)
from benchmarks.targets import TARGETS


def _show_proxy_encrypt(*, quick: bool) -> dict[str, Any]:
    found = proxy_encrypt.measure(rounds=2 if quick else 5, seconds=2 if quick else 4)
    click.echo("\nproxy Encrypt: 754-byte body, integrity value, audit record; TLS 1.3, 16 connections, one core")
    click.echo(f"  {'':10}{'CPU µs':>8}{'req/s':>9}{'p99 ms':>9}{'MiB':>7}")
    for name, measured in (("nginx", found.nginx), ("transport", found.transport), ("proxy", found.proxy)):
        click.echo(
            f"  {name:10}{measured.cpu_microseconds:8.1f}{measured.requests_per_second:9.0f}"
            f"{measured.p99_milliseconds:9.2f}{measured.peak_memory_mebibytes:7.0f}"
        )
    click.echo(
        f"  the proxy has {found.share_of_nginx:.1%} of nginx's capacity "
        f"({found.lowest_share:.1%} to {found.highest_share:.1%} over the rounds)"
    )
    return {
        "nginx": found.nginx._asdict(),
        "transport": found.transport._asdict(),
        "proxy": found.proxy._asdict(),
        "share_of_nginx": found.share_of_nginx,
        "lowest_share": found.lowest_share,
        "highest_share": found.highest_share,
    }


def _show_data_keys(*, quick: bool) -> dict[str, Any]:
    found = data_keys.measure(seconds=2 if quick else 5)
    click.echo("\nGenerateDataKey: 3 pairs of encryption context, plain HTTP to KMS, 16 connections, one core for all")
    click.echo(f"  {'':14}{'req/s':>8}{'p99 ms':>8}{'KMS µs':>8}{'proxy µs':>10}{'KMS MiB':>9}{'proxy MiB':>11}")
    rows = {"external key": found.external_key, "ordinary key": found.ordinary_key}
    rows |= {"ten keys": found.ten_keys, f"{data_keys.MANY_KEYS:,} keys": found.many_keys}
    for name, one in rows.items():
        click.echo(
            f"  {name:14}{one.requests_per_second:8.0f}{one.p99_milliseconds:8.2f}{one.kms_cpu_microseconds:8.1f}"
            f"{one.proxy_cpu_microseconds:10.1f}{one.kms_peak_memory_mebibytes:9.0f}"
            f"{one.proxy_peak_memory_mebibytes:11.0f}"
        )
    click.echo(
        f"  moto's local key: {found.moto_cpu_microseconds:.0f} µs; an external key costs {found.external_share:.3f} "
        f"of that in all, an ordinary one {found.ordinary_share:.3f}"
    )
    return {
        **{name: one._asdict() for name, one in rows.items()},
        "moto_cpu_microseconds": found.moto_cpu_microseconds,
        "external_share_of_moto": found.external_share,
        "ordinary_share_of_moto": found.ordinary_share,
    }


def _show_pkcs11(*, quick: bool) -> dict[str, Any]:
    found = pkcs11.measure(rounds=2 if quick else 5, seconds=2 if quick else 4)
    softhsm = found.softhsm
    click.echo("\nPKCS#11: proxy Encrypt on SoftHSM, as above, one core")
    click.echo(f"  nginx {softhsm.nginx.cpu_microseconds:.1f} µs, proxy {softhsm.proxy.cpu_microseconds:.1f} µs:")
    click.echo(
        f"  the proxy has {softhsm.share_of_nginx:.1%} of nginx's capacity "
        f"({softhsm.lowest_share:.1%} to {softhsm.highest_share:.1%} over the rounds)"
    )
    tag = found.wrong_tag
    click.echo(f"  Decrypt {tag.good:.1f} µs, with a wrong tag {tag.wrong:.1f} µs: {tag.ratio:.2f} times as much")
    click.echo(
        f"\nPKCS#11: a token that sleeps, two workers on all cores; {pkcs11.CONNECTIONS} connections that never pause, "
        f"then {pkcs11.OFFERED_PER_SECOND} requests a second offered"
    )
    click.echo(
        f"  {'':6}{'req/s':>8}{'p99 ms':>8}{'max ms':>8}   offered:{'missed':>8}{'p50 ms':>8}{'p99 ms':>8}{'max ms':>8}"
        f"{'ping p99':>10}"
    )
    for one in found.slow:
        offered = one.offered
        click.echo(
            f"  {one.sleep_milliseconds:3} ms{one.requests_per_second:8.0f}{one.p99_milliseconds:8.1f}"
            f"{one.max_milliseconds:8.1f}           {offered.not_answered:8}{offered.p50_milliseconds:8.1f}"
            f"{offered.p99_milliseconds:8.1f}{offered.max_milliseconds:8.1f}{offered.ping_p99_milliseconds:10.1f}"
        )
    return {
        "softhsm_share_of_nginx": softhsm.share_of_nginx,
        "softhsm": softhsm.proxy._asdict(),
        "nginx": softhsm.nginx._asdict(),
        "wrong_tag": tag._asdict(),
        "slow": [one._asdict() | {"offered": one.offered._asdict()} for one in found.slow],
    }


def _show_transit(*, quick: bool) -> dict[str, Any]:
    found = transit.measure(seconds=2 if quick else 5)
    click.echo(
        f"\nTransit: encryptions of 150 bytes by {transit.CALLERS} callers; server on one core, callers on the other"
    )
    click.echo(f"  {'':22}{'req/s':>8}{'p50 ms':>8}{'p99 ms':>8}{'our µs':>8}{'server µs':>11}{'of ceiling':>12}")
    ways = {"the server's ceiling": found.ceiling, "ours, each alone": found.alone, "ours, gathered": found.gathered}
    for name, one in ways.items():
        click.echo(
            f"  {name:22}{one.requests_per_second:8.0f}{one.p50_milliseconds:8.2f}{one.p99_milliseconds:8.2f}"
            f"{one.client_cpu_microseconds:8.1f}{one.server_cpu_microseconds:11.1f}"
            f"{one.requests_per_second / found.ceiling.requests_per_second:12.0%}"
        )
    return {name: one._asdict() for name, one in zip(found._fields, found, strict=True)}


def _show_policy_decisions(*, quick: bool) -> dict[str, Any]:
    found = policy_decisions.measure(rounds=5 if quick else 30)
    click.echo("\npolicies: 20 of 10 statements each, every request of another caller for another key; CPU µs")
    for name, microseconds in (
        ("a decision", found.decide),
        ("a decision from memory", found.remembered),
        ("a decision, 200 statements left to one condition", found.decide_by_condition),
        ("a decision, hour and address asked by 20 of 200", found.decide_by_hour_and_address),
        ("a decision by one key policy", found.decide_key_policy),
        ("the proxy's step, a request like none before", found.authorize_first),
        ("the proxy's step, decided before", found.authorize_again),
        ("the proxy's step without a policy", found.authorize_without),
        ("parsing one policy", found.parse_policy),
        ("compiling one policy", found.compile_policy),
    ):
        click.echo(f"  {name:50}{microseconds:8.2f}")
    return found._asdict()


def _show_audit(*, quick: bool) -> dict[str, Any]:
    found = audit.measure(rounds=2 if quick else 7, seconds=2 if quick else 4)
    click.echo("\naudit: proxy Encrypt as above; without a trail, with it, and with it durable")
    click.echo(f"  {'':8}{'CPU µs':>8}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}")
    for name, one in (("off", found.off), ("on", found.on), ("durable", found.durable)):
        click.echo(
            f"  {name:8}{one.cpu_microseconds:8.1f}{one.requests_per_second:9.0f}{one.p50_milliseconds:9.2f}"
            f"{one.p99_milliseconds:9.2f}"
        )
    click.echo(f"  the trail takes {found.share:.1%} of the capacity, and {found.record_bytes:.0f} bytes for a request")
    click.echo(f"  verified: {found.verified_per_second:.0f} records/s")
    return found._asdict() | {
        "off": found.off._asdict(),
        "on": found.on._asdict(),
        "durable": found.durable._asdict(),
    }


def _show_workers(*, quick: bool) -> dict[str, Any]:
    found = workers.measure(rounds=3 if quick else 9, seconds=2 if quick else 4)
    click.echo(f"\nproxy Encrypt, {workers.RATE_PER_SECOND} requests/s offered on {offered.CONNECTIONS} connections")
    click.echo(f"  {'workers':10}{'CPU µs':>8}{'p99 ms':>9}")
    for name, one in (("one", found.one), ("two", found.two)):
        click.echo(f"  {name:10}{one.cpu_microseconds:8.1f}{one.p99_milliseconds:9.2f}")
    click.echo(f"  two workers cost {found.ratio:.2f} times what one costs")
    return {"one": found.one._asdict(), "two": found.two._asdict(), "ratio": found.ratio}


def _show_fixed_rate(*, quick: bool) -> dict[str, Any]:
    found = fixed_rate.measure(rounds=2 if quick else 7, seconds=2 if quick else 4)
    click.echo(
        f"\nproxy Encrypt and nginx's constant reply, {workers.RATE_PER_SECOND} requests/s offered to each, one core"
    )
    click.echo(f"  {'':8}{'CPU µs':>8}{'p50 ms':>9}{'p99 ms':>9}")
    for name, one in (("nginx", found.nginx), ("proxy", found.proxy)):
        click.echo(f"  {name:8}{one.cpu_microseconds:8.1f}{one.p50_milliseconds:9.2f}{one.p99_milliseconds:9.2f}")
    click.echo(
        f"  the proxy costs {found.cpu_ratio:.2f} times nginx's CPU; its p99 is {found.p99_ratio:.2f} times nginx's"
    )
    return found._asdict() | {"nginx": found.nginx._asdict(), "proxy": found.proxy._asdict()}


def _show_new_connections(*, quick: bool) -> dict[str, Any]:
    found = new_connections.measure(connections=50 if quick else 300)
    click.echo("\nnew TLS connections, one after the other; ms")
    click.echo(f"  {'':70}{'p50':>7}{'p99':>7}{'max':>7}")
    click.echo(
        f"  {'from the handshake to the first answer':70}{found.first_answer_p50:7.2f}{found.first_answer_p99:7.2f}"
    )
    click.echo(
        f"  {'/ping, connection included, while all calls of the key manager hang':70}{found.ping_p50:7.2f}{'':7}"
        f"{found.ping_max:7.2f}"
    )
    return found._asdict()


def _show_many_keys(*, quick: bool) -> dict[str, Any]:
    found = many_keys.measure(rounds=3 if quick else 7, seconds=2 if quick else 4)
    click.echo("\nproxy Encrypt by the number of external keys, one core")
    click.echo(f"  {'keys':>10}{'start s':>9}{'MiB':>7}{'CPU µs':>8}{'p50 ms':>8}")
    for one in (found.few, found.many):
        click.echo(
            f"  {one.keys:10}{one.start_seconds:9.2f}{one.peak_memory_mebibytes:7.0f}{one.cpu_microseconds:8.1f}"
            f"{one.p50_milliseconds:8.2f}"
        )
    click.echo(f"  a request costs {found.ratio:.2f} times as much")
    return {"few": found.few._asdict(), "many": found.many._asdict(), "ratio": found.ratio}


def _show_features(*, quick: bool) -> dict[str, Any]:
    found = features.measure(rounds=6 if quick else 20)
    click.echo("\nwhat features cost: Encrypt in the pipeline alone, without sockets and TLS; CPU µs")
    for name, microseconds in found.items():
        click.echo(f"  {name:62}{microseconds:7.2f}{microseconds - found[features.USUAL]:+8.2f}")
    return found


BENCHMARKS = {
    "proxy-encrypt": _show_proxy_encrypt,
    "data-keys": _show_data_keys,
    "policy-decisions": _show_policy_decisions,
    "pkcs11": _show_pkcs11,
    "transit": _show_transit,
    "audit": _show_audit,
    "workers": _show_workers,
    "fixed-rate": _show_fixed_rate,
    "new-connections": _show_new_connections,
    "many-keys": _show_many_keys,
    "features": _show_features,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--quick", is_flag=True, help="Short rounds, for a first look.")
@click.option("--json", "file", type=click.Path(path_type=Path), default="bench.json", show_default=True)
def main(names: tuple[str, ...], quick: bool, file: Path) -> None:
    """Run the benchmarks NAMED, or all. Compare figures of one run only: one machine differs by the hour."""
    measured: dict[str, Any] = {"machine": platform.platform(), "python": platform.python_version()}
    for name in names or BENCHMARKS:
        measured[name] = found = BENCHMARKS[name](quick=quick)
        for target in TARGETS.get(name, ()):
            click.echo(f"  -> {target.line(found)}")
        measured.setdefault("targets", {})[name] = [target.record(found) for target in TARGETS.get(name, ())]
    file.write_text(json.dumps(measured, indent=2) + "\n")
    click.echo(f"\nwritten to {file}")


if __name__ == "__main__":
    main()
