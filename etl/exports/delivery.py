"""Sending a file: to a folder, by SFTP, by MESH. Whole or not at all, acknowledged, and never twice.

Each route first looks whether the file is already there with the same content: then it is acknowledged, not sent.
A receipt is given only after the receiver's copy was seen. When to try again is the calendar's business.
"""

import hashlib
from pathlib import Path
from typing import Any

import requests

from etl.exports.settings import ExportSettings, Folder, Mesh, Sftp
from etl.exports.writing import put

TIMEOUT = 60


class DeliveryError(Exception):
    """The file was not sent, or nobody acknowledged it. The message says what and where."""


def send(route: str, path: Path, sha256: str, settings: ExportSettings) -> str:
    """Send the CSV at `path` (and, but by MESH, its metadata). Returns the receiver's receipt.

    Raises DeliveryError, also when the file is not the one that the manifest names.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DeliveryError(f"{path} cannot be read: {error.strerror}.") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DeliveryError(f"{path.name} is not the file that the manifest names: it was changed. Nothing was sent.")
    beside = path.with_name(f"{path.name}-metadata.json")
    files = {beside.name: beside.read_bytes()} if beside.is_file() else {}
    files[path.name] = content  # last: where it is, everything is
    if route == "folder":
        return _to_folder(settings.folder, files, path)
    if route == "sftp":
        return _by_sftp(_needed(settings.sftp, "sftp"), files)
    return _by_mesh(_needed(settings.mesh, "mesh"), path.name, content, sha256)


def _needed(value: Any, name: str) -> Any:
    if value is None:
        raise DeliveryError(f"An export is to go by {name}, but icb.toml has no table [exports.{name}].")
    return value


def _to_folder(folder: Folder | None, files: dict[str, bytes], path: Path) -> str:
    target = folder.path if folder else path.parent
    for name, content in files.items():
        try:
            put(target / name, content)
        except FileExistsError:
            raise DeliveryError(f"{target} has another file named {name}; it was left alone.") from None
        except OSError as error:
            raise DeliveryError(f"{target / name} cannot be written: {error.strerror}.") from None
        if (target / name).read_bytes() != content:
            raise DeliveryError(f"{target / name} was not written whole.")
    return str(target / path.name)


# -- SFTP


def _by_sftp(settings: Sftp, files: dict[str, bytes]) -> str:
    import paramiko  # slow to import

    where = f"{settings.host}:{settings.port}"
    client = paramiko.SSHClient()
    try:
        kind, key = settings.host_key.split()[:2]
        host = settings.host if settings.port == 22 else f"[{settings.host}]:{settings.port}"
        client.get_host_keys().add(host, kind, paramiko.PKey.from_type_string(kind, _decoded(key)))
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.connect(
            settings.host,
            settings.port,
            settings.user,
            password=settings.password,
            key_filename=str(settings.key_file) if settings.key_file else None,
            allow_agent=False,
            look_for_keys=False,
            timeout=TIMEOUT,
            banner_timeout=TIMEOUT,
            auth_timeout=TIMEOUT,
        )
        with client.open_sftp() as session:
            session.get_channel().settimeout(TIMEOUT)
            for name, content in files.items():
                _upload(session, f"{settings.folder.rstrip('/')}/{name}", content)
    except paramiko.BadHostKeyException:
        raise DeliveryError(
            f"{where} is not the server whose key is pinned in [exports.sftp] host_key. Nothing was sent."
        ) from None
    except (ValueError, paramiko.SSHException, OSError, EOFError) as error:
        raise DeliveryError(f"SFTP to {where} failed: {error or type(error).__name__}.") from None
    finally:
        client.close()
    return f"sftp://{where}/{settings.folder.strip('/')}/{list(files)[-1]}"


def _decoded(key: str) -> bytes:
    import base64

    return base64.b64decode(key, validate=True)


def _upload(session: Any, target: str, content: bytes) -> None:
    """One file under another name, then renamed; read back before it counts."""
    folder, _, name = target.rpartition("/")
    if _remote(session, target) is None:
        part = f"{folder}/.{name}.part"
        with session.open(part, "wb") as stream:
            stream.write(content)
        if _remote(session, part) != content:
            raise DeliveryError(f"{target} did not arrive whole.")
        session.rename(part, target)
    if _remote(session, target) != content:
        raise DeliveryError(f"The server has another file named {name}; it was left alone.")


def _remote(session: Any, path: str) -> bytes | None:
    try:
        with session.open(path, "rb") as stream:
            stream.prefetch()
            return bytes(stream.read())
    except FileNotFoundError:
        return None


# -- MESH


def _by_mesh(settings: Mesh, name: str, content: bytes, sha256: str) -> str:
    from mesh_client import MeshClient, MeshError  # slow to import

    certificate = (str(settings.certificate), str(settings.key)) if settings.certificate else None
    try:
        with MeshClient(
            settings.url,
            settings.mailbox,
            settings.password,
            shared_key=settings.shared_key.encode(),
            cert=certificate,
            verify=str(settings.authority) if settings.authority else None,
            timeout=TIMEOUT,
            max_retries=0,  # the calendar tries again, after looking whether it arrived
            application_name="switchboard",
        ) as client:
            local_id = f"{name}.{sha256[:16]}"
            message = _mesh_message(client, local_id)
            if message is None:
                message = client.send_message(
                    settings.recipient,
                    content,
                    workflow_id=settings.workflow_id,
                    filename=name,
                    local_id=local_id,
                    subject=name,
                    checksum=f"SHA256 {sha256}",
                    content_type="text/csv",
                )
            status = str(client.track_message(message).get("status", "")).lower()
    except MeshError as error:
        raise DeliveryError(f"MESH refused {name}: {error.args[0] if error.args else error}.") from None
    except (requests.RequestException, OSError, ValueError) as error:
        raise DeliveryError(f"MESH at {settings.url} failed: {_plain(error)}") from None
    if status not in ("accepted", "acknowledged", "uploading"):
        raise DeliveryError(f"MESH has {name} as message {message}, but says {status or 'nothing'} of it.")
    return message


def _mesh_message(client: Any, local_id: str) -> str | None:
    """The message that an earlier attempt sent under this local id, None when there is none.

    mesh-client has no call for tracking by local id, which MESH offers at the same address.
    """
    answer = client._session.get(f"{client.mailbox_url}/outbox/tracking/{local_id}", timeout=TIMEOUT)
    if answer.status_code == 404:
        return None
    answer.raise_for_status()
    body = answer.json()
    found = body.get("messageId") or body.get("message_id")
    if answer.status_code != 200 or not found:
        raise DeliveryError(f"MESH does not say whether {local_id} was sent before: it was not sent again.")
    return str(found)


def _plain(error: Exception) -> str:
    """The reason without addresses of objects and without what was sent."""
    response = getattr(error, "response", None)
    return f"HTTP {response.status_code}." if response is not None else f"{type(error).__name__}."
