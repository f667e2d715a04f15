"""Only listed addresses are called, and no name leads a request into the own network."""

from __future__ import annotations

import pytest

from infra.errors import SettingsError
from infra.settings import settings
from infra.webhooks.delivery import DeliveryError
from infra.webhooks.targets import AllowedTargets, TargetError

LISTED = AllowedTargets.parse(
    "https://fraud.example.org/hooks/, https://*.partners.example:8443, http://10.0.3.7:8080/,"
    "10.20.0.0/16"
)


@pytest.mark.parametrize(
    "url",
    [
        "https://fraud.example.org/hooks/7?team=a",
        "https://FRAUD.example.org:443/hooks/",
        "https://a.b.partners.example:8443/anything",
        "http://10.0.3.7:8080/",
    ],
)
def test_what_the_list_names_may_be_called(url: str) -> None:
    assert LISTED.target(url).host


@pytest.mark.parametrize(
    "url",
    [
        "http://fraud.example.org/hooks/7",  # not encrypted
        "https://fraud.example.org/",
        "https://fraud.example.org/hooks/../admin",
        "https://fraud.example.org/hooks/%2e%2E/admin",
        "https://fraud.example.org/hooks/..%2fadmin",
        "https://fraud.example.org:8443/hooks/7",
        "https://fraud.example.org.evil.example/hooks/7",
        "https://fraud.example.org@evil.example/hooks/7",
        "https://evil.example\\@fraud.example.org/hooks/7",
        "https://partners.example:8443/",
        "https://xpartners.example:8443/",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:8080/",
        "http://[::ffff:10.0.3.7]:8080/",
        "http://10.20.0.9/",  # a network lists where names may lead, not what may be called
        "file:///etc/passwd",
        "gopher://fraud.example.org/hooks/7",
        "https:///hooks/7",
        "https://fraud.example.org:port/hooks/7",
        "https://fraud.example.org/hooks/\r\nhost: evil",
        "https://fräud.example.org/hooks/7",
        "https://fraud.example.org/hooks/" + "a" * 1024,
        "",
    ],
)
def test_anything_else_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(TargetError) as error:
        LISTED.target(url)
    assert "\n" not in str(error.value)


def test_nothing_may_be_called_without_a_list() -> None:
    with pytest.raises(TargetError):
        AllowedTargets.parse("").target("https://fraud.example.org/hooks/7")


@pytest.mark.parametrize("address", ["93.184.216.34", "10.20.255.1", "2606:4700::1111"])
def test_a_name_may_lead_to_public_addresses_and_listed_networks(address: str) -> None:
    target = LISTED.target("https://fraud.example.org/hooks/7")
    assert LISTED.address(target, lambda _host, _port: [address]) == address


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_a_name_that_leads_into_the_own_network_is_not_called(address: str) -> None:
    target = LISTED.target("https://fraud.example.org/hooks/7")
    with pytest.raises(DeliveryError, match="no public address"):
        LISTED.address(target, lambda _host, _port: ["93.184.216.34", address])


def test_a_listed_address_of_the_own_network_may_be_called() -> None:
    assert LISTED.address(LISTED.target("http://10.0.3.7:8080/")) == "10.0.3.7"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("TARGETS", "https://example.org/x", "ANTIPHON_WEBHOOK_SECRET beside it expected"),
        ("TARGETS", "ftp://example.org/x", "https://HOST/PATH without a user name"),
        ("TARGETS", "https://a.*.org/", r"\* only as the first part"),
        ("TARGETS", "example.org", "https://HOST/PATH or a network expected"),
        ("TARGETS", "10.0.0.1/8", "https://HOST/PATH or a network expected"),
        ("SECRET", "whsec_c2hvcnQ=", "whsec_ and the base64 of 24 to 64 bytes"),
    ],
)
@pytest.mark.usefixtures("state")
def test_a_setting_that_could_send_nothing_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"ANTIPHON_WEBHOOK_{name}", value)
    with pytest.raises(SettingsError, match=f"ANTIPHON_WEBHOOK_{name}: {sentence}"):
        settings()
