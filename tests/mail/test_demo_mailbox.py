import smtplib
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from demo.mailbox import catch_mail
from diembao.errors import DeliveryError


def a_mail(subject: str, body: str = "Nước thải đổ ra kênh.\n.\nHết") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, "diembao@localhost", "truyen-thong@localhost"
    mail.set_content(body)
    mail.add_alternative(f"<p>{body}</p>", subtype="html")
    return mail


def send(port: int, *mails: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as server:
        for mail in mails:
            server.send_message(mail, to_addrs=["truyen-thong@localhost", "hai@localhost"])


def test_a_mail_is_kept_as_it_was_sent(tmp_path: Path) -> None:
    with catch_mail(tmp_path / "mail") as mailbox:
        send(mailbox.port, a_mail("Cảnh báo: môi trường tăng đột biến"))
        (kept,) = mailbox.mails()
    assert kept.name == "0001-canh-bao-moi-truong-tang-dot-bien.eml"
    mail = message_from_bytes(kept.read_bytes(), policy=policy.default)
    assert mail["Subject"] == "Cảnh báo: môi trường tăng đột biến"
    assert mail.get_all("X-Demo-Recipient") == ["truyen-thong@localhost", "hai@localhost"]
    text = mail.get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines()[:3] == ["Nước thải đổ ra kênh.", ".", "Hết"]
    assert [path.suffix for path in (tmp_path / "mail").iterdir()] == [".eml"]


def test_no_mail_takes_the_place_of_another(tmp_path: Path) -> None:
    for run in (1, 2):
        with catch_mail(tmp_path) as mailbox:
            send(mailbox.port, a_mail("Điểm báo"), a_mail("Điểm báo"))
            assert len(mailbox.mails()) == 2 * run
    (tmp_path / "0001-diem-bao.eml").unlink()
    with catch_mail(tmp_path) as mailbox:
        send(mailbox.port, a_mail("Điểm báo"))
        assert len(mailbox.mails()) == 4


def test_a_subject_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    with catch_mail(tmp_path / "mail") as mailbox:
        send(mailbox.port, a_mail("../../etc/passwd"), a_mail(""))
        assert [path.name for path in mailbox.mails()] == ["0001-etc-passwd.eml", "0002-mail.eml"]


def test_a_mail_that_cannot_be_kept_is_refused_for_now(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    with catch_mail(folder) as mailbox:
        folder.rmdir()
        with pytest.raises(smtplib.SMTPDataError) as caught:
            send(mailbox.port, a_mail("Cảnh báo"))
    assert caught.value.smtp_code == 452


def test_the_port_is_closed_afterwards(tmp_path: Path) -> None:
    with catch_mail(tmp_path) as mailbox:
        pass
    with pytest.raises(ConnectionRefusedError):
        send(mailbox.port, a_mail("Muộn"))


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DeliveryError, match="cannot be made"), catch_mail(tmp_path / "file" / "mail"):
        pass
