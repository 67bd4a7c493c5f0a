"""Reason codes of what archives, tables and metadata refuse, beside those of plain files."""

from __future__ import annotations

from typing import Final

ENCRYPTED: Final = "encrypted"
UNKNOWN_METHOD: Final = "unknown-method"
MEMBER_BROKEN: Final = "member-broken"
PARQUET_BROKEN: Final = "parquet-broken"
NOT_PARQUET: Final = "not-parquet"
WRONG_COLUMNS: Final = "wrong-columns"
METADATA_MALFORMED: Final = "metadata-malformed"
METADATA_WITHOUT_IMAGE: Final = "metadata-without-image"
IMAGE_WITHOUT_METADATA: Final = "image-without-metadata"

OF_METADATA: Final = {
    METADATA_MALFORMED: "records of the metadata cannot be understood",
    METADATA_WITHOUT_IMAGE: "records of the metadata name no image that is there",
    IMAGE_WITHOUT_METADATA: "images have no record in the metadata; they stay, without tags",
}
OF_ZIP: Final = {
    ENCRYPTED: "the member of the archive is encrypted",
    UNKNOWN_METHOD: "the member of the archive is compressed by a method that is not read",
    MEMBER_BROKEN: "the bytes of the member are damaged",
}
OF_PARQUET: Final = {
    PARQUET_BROKEN: "a part of the Parquet file cannot be read",
    NOT_PARQUET: "the file among Parquet files is none",
    WRONG_COLUMNS: "the Parquet file lacks the columns that are needed",
}
