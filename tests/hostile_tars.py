"""
The catalogue of tar streams on which readers disagree, each with what the scanner must make of it.

The rows were measured with Go's archive/tar, libarchive, CPython's tarfile and GNU tar; the scanner sees what Go
sees. ``T…`` and ``B…`` name the project's two collections of such inputs.
"""

from __future__ import annotations

import attrs

from tests.rawtar import (
    BLOCK,
    END,
    GNU,
    USTAR,
    V7,
    ZERO,
    base256,
    decimal_map,
    gnu_sparse,
    header,
    long,
    member,
    octal,
    pad,
    pax,
    pax_sparse,
    record,
    seal,
)

A, B, C = member(b"a.txt"), member(b"b.txt"), member(b"c.txt")
INNER = member(b"smuggled", b"")  # one block that is a header itself
PAX_OUTER = member(b"hidden.txt") + bytes(0)  # two blocks: 1,024 bytes


@attrs.frozen
class Case:
    """
    One stream. ``members`` are written ``T:name[size]``, without T for regular files and size for 0 and 4.

    ``error`` is the code of a TarError, or ``limit.`` and the name of a limit; ``findings`` are the codes, each once.
    """

    id: str
    raw: bytes
    members: tuple[str, ...] | None = None
    error: str | None = None
    findings: frozenset[str] = frozenset()


def good(name: str, raw: bytes, members: str, *findings: str) -> Case:
    """Return a case that is read; ``members`` are separated by a bar."""
    return Case(name, raw, tuple(members.split("|")) if members else (), None, frozenset(findings))


def bad(name: str, raw: bytes, error: str) -> Case:
    return Case(name, raw, None, error)


def _sized(kind: bytes, name: bytes) -> bytes:
    link = b"target" if kind in b"12" else b""
    return A + header(name, BLOCK, kind, link=link) + INNER + B + END


_SPARSE_KEYS = ((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"))


def _sparse10(body: bytes, real_size: int, *more: tuple[bytes, bytes], name: bytes = b"sp.bin") -> bytes:
    keys = (*_SPARSE_KEYS, (b"GNU.sparse.name", name), (b"GNU.sparse.realsize", b"%d" % real_size), *more)
    return pax(*keys) + member(b"fake", body) + B + END


def _named(name: bytes) -> bytes:
    return member(name) + B + END


def _uint(key: bytes, value: bytes) -> bytes:
    return pax((key, value)) + member(b"u.bin", b"", size=0) + member(b"hidden.txt") + B + END


def framing() -> list[Case]:
    """Return the rows about blocks, checksums and the end of the archive."""
    latin = seal(header(b"\xff\xfe\xe9.txt", 4), signed=True) + pad(b"data")
    spaced = header(b"a.txt", 4)
    checksum = spaced[148:154].lstrip(b"0").rjust(6)
    pick = 4096
    return [
        good("T001_zero_bytes", b"", "", "layer.empty"),
        good("T002_one_zero_block", ZERO, ""),
        good("T003_entries_after_eoa", A + END + B + END, "a.txt", "tar.data-after-eoa"),
        bad("T004_stray_zero_block", A + ZERO + B + END, "tar.stray-zero-block"),
        bad("T005_truncated_header", (A + B)[: 2 * BLOCK + 300], "tar.truncated"),
        bad("T006_truncated_body", A + header(b"big", 5000) + bytes(1000), "tar.truncated"),
        good("T007_no_eoa", A + B, "a.txt|b.txt", "tar.no-eoa"),
        good("T007c_missing_padding_at_end", A + header(b"last", 4) + b"data", "a.txt|last", "tar.no-eoa"),
        bad(
            "T008_bad_cksum_first",
            header(b"a.txt", 4, checksum=b"000000\0 ") + pad(b"data") + B,
            "tar.bad-checksum",
        ),
        bad(
            "T009_bad_cksum_second",
            A + header(b"b.txt", 0, checksum=b"000000\0 ") + C + END,
            "tar.bad-checksum",
        ),
        good("T010_signed_cksum", latin + B + END, "\\xff\\xfe\\xe9.txt|b.txt", "name.not-utf8"),
        good(
            "T011_cksum_leading_spaces",
            header(b"a.txt", 4, checksum=checksum + b"\0 ") + pad(b"data") + B + END,
            "a.txt|b.txt",
        ),
        good(
            "T012_nonzero_padding",
            header(b"a.txt", 4) + b"data" + b"payload".ljust(508, b"\0") + B + END,
            "a.txt|b.txt",
            "tar.padding-nonzero",
        ),
        good("T013_garbage_after_eoa", A + END + bytes(700) + b"junk", "a.txt", "tar.data-after-eoa"),
        bad("T014_leading_garbage_block", b"G" * BLOCK + A + B + END, "tar.bad-checksum"),
        bad("T015_not_tar_text", b"This is a text, not an archive.\n" * (pick // 32), "tar.not-a-tar"),
        bad("B01_zero_block_in_the_middle", A + ZERO + B + C + END, "tar.stray-zero-block"),
        good("B02_one_zero_block_at_end", A + ZERO, "a.txt"),
        good("B03_no_zero_block_at_end", A, "a.txt", "tar.no-eoa"),
        good("B04_second_archive", A + END + B + END, "a.txt", "tar.data-after-eoa"),
        bad("B05_truncated_data", A + header(b"b.txt", 600) + bytes(BLOCK), "tar.truncated"),
        bad("B06_truncated_header", A + B[:100], "tar.truncated"),
        bad("B07_bad_checksum", A + header(b"b.txt", checksum=b"777\0") + C + END, "tar.bad-checksum"),
        bad(
            "B08_checksum_base256", A + header(b"b.txt", checksum=base256(5000, 8)) + END, "tar.bad-checksum"
        ),
        good("B60_last_padding_missing", A + header(b"b.txt", 3) + b"abc", "a.txt|b.txt[3]", "tar.no-eoa"),
    ]


def numbers() -> list[Case]:
    """Return the rows about numeric header fields."""

    def sized(size: bytes, name: bytes = b"x") -> bytes:
        return A + header(name, size) + B + END

    return [
        bad("T020_neg_base256_size", sized(base256(-512, 12)), "tar.negative-size"),
        bad("T021_b256_2e63-1", sized(base256((1 << 63) - 1, 12)), "tar.truncated"),
        bad("T022_b256_2e87", sized(base256(1 << 87, 12)), "tar.size-overflow"),
        bad("T024_octal_12_digits", sized(b"777777777777"), "tar.truncated"),
        bad("T025_size_digit8", sized(b"00000000800"), "tar.bad-number"),
        good("T026_size_blank", sized(b" " * 12, b"blank"), "a.txt|blank|b.txt"),
        bad("T029_size_trailing_garbage", header(b"tg.txt", b"4 77777777") + B + END, "tar.bad-number"),
        bad("T030_size_minus_sign", sized(b"-0000000001"), "tar.bad-number"),
        bad("T031_size_0x_prefix", sized(b"0x000000200"), "tar.bad-number"),
        bad("T032_b256_reserved_lead_0x8e", sized(b"\x8e" + bytes(11)), "tar.size-overflow"),
        bad("T033_uid_garbage", header(uid=b"abcdefg") + END, "tar.bad-number"),
        bad("T034_mtime_garbage", header(mtime=b"yesterday") + END, "tar.bad-number"),
        good("T035_devmajor_garbage_regular", header(device=(b"\xff" * 8, b"")) + B + END, "a.txt|b.txt"),
        bad("T037_mtime_b256_huge", header(mtime=base256(1 << 70, 12)) + B + END, "tar.bad-number"),
        bad("B18_negative_base256_size", sized(base256(-1, 12)), "tar.negative-size"),
        bad("B39_garbage_mode", header(mode=b"rw-r--r") + END, "tar.bad-number"),
        bad("B57_first_size_byte_0x81", sized(b"\x81" + bytes(11)), "tar.size-overflow"),
        bad("B59_garbage_device", header(device=(b"zz", b""), kind=b"3") + END, "tar.bad-number"),
        good("B61_number_inside_nuls", sized(b"\0\0 0\0zz\0"), "a.txt|x|b.txt"),
        bad("B62_underscore", sized(b"0000000_001"), "tar.bad-number"),
    ]


def types() -> list[Case]:
    """Return the rows about typeflags and sizes where no body belongs."""
    refused = "tar.type-unsupported-by-runtime"
    rows = [
        good(f"T04x_{name}_with_size512", _sized(kind, name.encode()), f"a.txt|{kind.decode()}:{name}|smuggled|b.txt",
             "tar.header-only-size")
        for kind, name in (
            (b"5", "dir"), (b"2", "symlink"), (b"1", "hardlink"), (b"3", "chr"), (b"4", "blk"), (b"6", "fifo"),
        )
    ]  # fmt: skip
    return [
        *rows,
        good(
            "T046_symlink_size_no_body",
            A + header(b"sl", 1024, b"2", link=b"t") + B + C + END,
            "a.txt|2:sl|b.txt|c.txt",
            "tar.header-only-size",
        ),
        good("T050_type7_contiguous", member(b"cont.txt", kind=b"7") + B + END, "7:cont.txt|b.txt", refused),
        good("T051_type_nul_regular", member(b"old.txt", kind=b"\0", magic=V7) + B + END, "old.txt|b.txt"),
        good("T052_type_nul_slash_is_dir", header(b"olddir/", 0, b"\0") + B + END, "5:olddir/|b.txt"),
        good(
            "T053_type_nul_slash_with_size",
            header(b"olddir/", BLOCK, b"\0") + INNER + B + END,
            "5:olddir/|smuggled|b.txt",
            "tar.header-only-size",
        ),
        good(
            "T055_type0_slash_with_size",
            member(b"regslash/", INNER) + B + END,
            "regslash/[512]|b.txt",
            "tar.type-ambiguous",
        ),
        good("T056_unknown_type_Z_body", member(b"zzz", INNER, b"Z") + B + END, "Z:zzz[512]|b.txt", refused),
        good(
            "T057_type_V_label",
            member(b"VOLUME", INNER, b"V", magic=GNU) + B + END,
            "V:VOLUME[512]|b.txt",
            refused,
        ),
        good(
            "T058_type_M_multivol", member(b"multi", kind=b"M", magic=GNU) + B + END, "M:multi|b.txt", refused
        ),
        good(
            "T060_type_X_solaris",
            pax((b"path", b"solaris-name"), kind=b"X") + member(b"s") + B + END,
            "X:PaxHeaders/x[21]|s|b.txt",
            "tar.meta-ambiguous",
        ),
        good("T062_type_s_lowercase", member(b"low", kind=b"s") + B + END, "s:low|b.txt", refused),
        good("T187_hardlink_without_data", header(b"hl", 0, b"1", link=b"a") + B + END, "1:hl|b.txt"),
        bad(
            "T187_hardlink_with_pax_data",
            pax((b"size", b"4")) + header(b"hl", 0, b"1", link=b"b.txt") + pad(b"data") + B + END,
            "tar.bad-checksum",
        ),
        good(
            "B26_unknown_type_with_size", member(b"u", b"u" * 600, b"Q") + B + END, "Q:u[600]|b.txt", refused
        ),
    ]


def pax_sizes() -> list[Case]:
    """Return the rows about the PAX size: the record that moves every later member."""
    outer = member(b"outer.bin", B, size=0)  # a body that is itself an archive
    shown = "outer.bin[1024]|b.txt"
    return [
        good("T070_tarmageddon", pax((b"size", b"1024")) + outer + B + END, shown),
        good(
            "T071_pax_size_differs",
            pax((b"size", b"1024")) + member(b"outer.bin", C, size=4) + B + END,
            shown,
            "tar.size-mismatch",
        ),
        good(
            "T072_pax_size_smaller",
            pax((b"size", b"0")) + header(b"outer.bin", 1024) + PAX_OUTER + B + END,
            "outer.bin|hidden.txt|b.txt",
            "tar.size-mismatch",
        ),
        bad(
            "T073_x_size_then_L_then_file",
            pax((b"size", b"2048"))
            + long(b"longname.txt")
            + member(b"x", B)
            + B[:BLOCK]
            + b"no header" * 512,
            "tar.bad-checksum",
        ),
        good(
            "T074_x_size_then_x",
            pax((b"size", b"2048")) + pax((b"comment", b"c")) + member(b"file_a", b"a" * 16) + B + END,
            "file_a[16]|b.txt",
            "tar.meta-duplicate",
        ),
        good(
            "T076_pax_size_on_symlink",
            pax((b"size", b"1024")) + header(b"sl", 0, b"2", link=b"t") + PAX_OUTER + B + END,
            "2:sl|hidden.txt|b.txt",
            "tar.header-only-size",
        ),
        bad("T077_pax_size_neg", pax((b"size", b"-1")) + A + B + END, "tar.bad-number"),
        bad("T078_pax_size_overflow", pax((b"size", b"9" * 23)) + A + B + END, "tar.size-overflow"),
        good(
            "T079_pax_size_plus",
            pax((b"size", b"+4")) + member(b"p.txt") + B + END,
            "p.txt|b.txt",
            "tar.pax-nonstandard-number",
        ),
        bad("T080_pax_size_underscore", _uint(b"size", b"1_024"), "tar.bad-number"),
        bad("T081_pax_size_spaces", _uint(b"size", b" 1024 "), "tar.bad-number"),
        bad("T082_pax_size_unicode_digits", _uint(b"size", "\u0661\u0660".encode()), "tar.bad-number"),
        bad("T083_pax_size_float", _uint(b"size", b"1024.0"), "tar.bad-number"),
        bad("T084_pax_size_hex", _uint(b"size", b"0x400"), "tar.bad-number"),
        good(
            "T085_pax_size_dup_last_wins",
            pax((b"size", b"1024"), (b"size", b"4")) + member(b"p.txt") + B + END,
            "p.txt|b.txt",
            "tar.meta-duplicate",
        ),
        good(
            "T086_pax_size_empty",
            pax((b"size", b"")) + member(b"p.txt") + B + END,
            "p.txt|b.txt",
            "tar.meta-ambiguous",
        ),
        good(
            "T087_pax_global_size",
            pax((b"size", b"1024"), kind=b"g") + header(b"u.bin") + PAX_OUTER + B + END,
            "u.bin|hidden.txt|b.txt",
            "tar.pax-global-override",
        ),
        good("B13_x_size_before_L", pax((b"size", b"4")) + long(b"l") + member(b"x") + B + END, "l|b.txt"),
        bad("B48_pax_size_zz", pax((b"size", b"zz")) + A + END, "tar.bad-number"),
        good(
            "B14_global_path",
            pax((b"path", b"everywhere"), kind=b"g") + A + B + END,
            "a.txt|b.txt",
            "tar.pax-global-override",
        ),
        good("B15_global_comment", pax((b"comment", b"0" * 40), kind=b"g") + A + END, "a.txt"),
    ]


def pax_records() -> list[Case]:
    """Return the rows about PAX records."""
    broken = "tar.pax-malformed"

    def body(text: bytes) -> bytes:
        return pax(body=text) + A + B + END

    def path(*values: bytes) -> bytes:
        return pax(*((b"path", value) for value in values)) + A + B + END

    return [
        good("T091_pax_path_dup_last", path(b"first", b"last"), "last|b.txt", "tar.meta-duplicate"),
        good("T092_pax_path_empty", path(b""), "a.txt|b.txt", "tar.meta-ambiguous"),
        bad("T093_pax_path_nul", path(b"safe.txt\0../../evil"), broken),
        good("T094_pax_path_invalid_utf8", path(b"caf\xe9.txt"), "caf\\xe9.txt|b.txt", "name.not-utf8"),
        good(
            "T095_pax_hdrcharset_binary",
            pax((b"hdrcharset", b"BINARY"), (b"path", b"caf\xe9.txt")) + A + B + END,
            "caf\\xe9.txt|b.txt",
            "name.not-utf8",
        ),
        good(
            "T097_pax_global_path",
            pax((b"path", b"global-name"), kind=b"g") + A + B + END,
            "a.txt|b.txt",
            "tar.pax-global-override",
        ),
        good(
            "T098_pax_global_linkpath",
            pax((b"linkpath", b"/etc/shadow"), kind=b"g") + header(b"sl", 0, b"2", link=b"t") + B + END,
            "2:sl|b.txt",
            "tar.pax-global-override",
        ),
        bad("T110_pax_len_zero", body(b"0 a=b"), broken),
        bad("T112_pax_len_too_long", body(b"99 path=x\n"), broken),
        bad("T113_pax_no_newline", body(b"9 path=x."), broken),
        good("T116_pax_len_leading_zero", body(b"0012 path=x\n"), "x|b.txt"),
        bad("T118_pax_empty_key", body(b"6 =ab\n"), broken),
        good("T119_pax_empty_body", body(b""), "a.txt|b.txt", "tar.meta-ambiguous"),
        bad("T120_pax_trailing_nul_in_body", body(record(b"path", b"ok.txt") + bytes(4)), broken),
        bad("T123_pax_key_with_nul", body(record(b"a\0b", b"c")), broken),
        good("T124_pax_value_with_newline", path(b"a\nb.txt"), "a\\nb.txt|b.txt", "name.control-char"),
        bad("T125_pax_mtime_nan", pax((b"mtime", b"nan")) + A + END, "tar.bad-number"),
        bad("T126_pax_mtime_1e999", pax((b"mtime", b"1e999")) + A + END, "tar.bad-number"),
        bad("T128_pax_uid_overflow", pax((b"uid", b"9" * 20)) + A + END, "tar.bad-number"),
        bad("T130_pax_2MiB_real", pax((b"comment", b"c" * (2 << 20))) + A + END, "limit.meta_header_bytes"),
        bad("T131_pax_claims_8GiB", header(b"x", (8 << 30) - 1, b"x") + b"x" * 20, "limit.meta_header_bytes"),
        bad("B28_pax_without_newline", body(b"9 path=xx"), broken),
        bad("B29_pax_bad_length", body(b"x path=x\n"), broken),
        bad("B34_pax_bad_atime", pax((b"atime", b"1.5x")) + A + END, "tar.bad-number"),
        bad("B36_pax_mtime_overflow", pax((b"mtime", b"9223372036854775808")) + A + END, "tar.bad-number"),
        good("B37_pax_negative_mtime", pax((b"mtime", b"-1.25")) + A + END, "a.txt"),
        good(
            "B38_libarchive_xattr",
            pax((b"LIBARCHIVE.xattr.user.a", b"YQ==")) + A + END,
            "a.txt",
            "tar.meta-ambiguous",
        ),
        good("B47_pax_uid_plus", pax((b"uid", b"+7")) + A + END, "a.txt", "tar.pax-nonstandard-number"),
        good("B49_pax_xattr_empty", pax((b"SCHILY.xattr.user.overlay.origin", b"")) + A + END, "a.txt"),
    ]


def meta_chains() -> list[Case]:
    """Return the rows about several extended headers, or oddly placed ones."""
    two, odd = "tar.meta-duplicate", "tar.meta-ambiguous"
    x1, x2 = pax((b"path", b"x1")), pax((b"path", b"x2"))
    return [
        good(
            "T101_x_then_g_then_file",
            x1 + pax((b"comment", b"c"), kind=b"g") + A + B + END,
            "a.txt|b.txt",
            odd,
        ),
        good("T102_x_path_then_L", x1 + long(b"gnu-name") + A + B + END, "gnu-name|b.txt", odd),
        good("T103_L_then_x_path", long(b"gnu-name") + x1 + A + B + END, "gnu-name|b.txt", odd),
        good("T104_two_x", x1 + x2 + A + B + END, "x2|b.txt", two),
        good("T104b_two_x_disjoint", x1 + pax((b"mtime", b"1")) + A + B + END, "a.txt|b.txt", two),
        good("T105_two_L", long(b"l1") + long(b"l2") + A + B + END, "l2|b.txt", two),
        good("T106_dangling_x_at_eoa", A + x1 + END, "a.txt", "tar.meta-dangling"),
        good("T107_dangling_L_at_eof", A + long(b"l"), "a.txt", "tar.meta-dangling", "tar.no-eoa"),
        bad("T108_x_zero_block_x_file", x1 + ZERO + x2 + A + END, "tar.stray-zero-block"),
        bad(
            "T133_L_claims_1GiB",
            header(b"l", 1 << 30, b"L", magic=GNU) + b"l" * 20,
            "limit.meta_header_bytes",
        ),
        bad("T134_L_2MiB_real", long(b"n" * (2 << 20)) + A + END, "limit.meta_header_bytes"),
        good(
            "T135_L_nul_middle",
            long(b"seen.txt\0unseen") + A + B + END,
            "seen.txt|b.txt",
            "tar.longname-nul",
        ),
        good("T136_L_empty", long(b"") + A + B + END, "a.txt|b.txt", odd),
        good("T138_K_on_regular", long(b"target", b"K") + A + B + END, "a.txt|b.txt", odd),
        good(
            "T139_L_then_AREGTYPE_garbage_slash",
            long(b"regular.txt") + member(b"garbage/", kind=b"\0", magic=GNU) + B + END,
            "regular.txt|b.txt",
            "tar.type-ambiguous",
        ),
        bad("T140_x_chain", x1 * 2000 + A + END, "limit.meta_header_chain"),
        bad("T141_L_chain", long(b"l") * 2000 + A + END, "limit.meta_header_chain"),
        good("T143_x_header_gnu_magic", pax((b"path", b"xx"), magic=GNU) + A + B + END, "xx|b.txt", odd),
        good("T144_x_header_v7_magic", pax((b"path", b"xx"), magic=V7) + A + B + END, "xx|b.txt", odd),
    ]


def sparse() -> list[Case]:
    """Return the rows about sparse files; the well-formed ones have tests of their own."""
    broken, found = "tar.sparse-malformed", "tar.sparse"
    data = b"data"
    return [
        good("T150_sparse10_ok", _sparse10(decimal_map([(0, 4)]) + data, 8192), "sp.bin[8192]|b.txt", found),
        good(
            "T151_sparse10_realsize_1EiB",
            _sparse10(decimal_map([(0, 4)]) + data, 1 << 60),
            f"sp.bin[{1 << 60}]|b.txt",
            found,
        ),
        bad("T152_sparse10_overlap", _sparse10(decimal_map([(0, 4), (2, 4)]) + data * 2, 8192), broken),
        bad("T153_sparse10_neg", _sparse10(decimal_map([(-4, 4)]) + data, 8192), broken),
        bad("T154_sparse10_count_huge", _sparse10(pad(b"99999999999\n") + data, 8192), broken),
        bad("T155_sparse10_beyond_realsize", _sparse10(decimal_map([(8, 4)]) + data, 10), broken),
        good(
            "T156_sparse10_name_vs_path",
            _sparse10(decimal_map([(0, 4)]) + data, 8192, (b"path", b"benign.txt"), name=b"evil.sh"),
            "evil.sh[8192]|b.txt",
            found,
            "tar.meta-ambiguous",
        ),
        bad(
            "T157_sparse10_many_entries",
            _sparse10(decimal_map([(0, 0)] * 200_000), 1 << 40),
            "limit.sparse_entries",
        ),
        good(
            "T159_sparse_orphan_major", pax((b"GNU.sparse.major", b"1")) + A + B + END, "a.txt|b.txt", found
        ),
        bad(
            "T162_oldsparse_ext_chain",
            gnu_sparse(b"olds.bin", b"", [(0, 0)] * (4 + 21 * 2000), 8192) + B + END,
            "limit.sparse_entries",
        ),
        bad(
            "T163_oldsparse_neg_realsize",
            gnu_sparse(b"olds.bin", data, [(0, 4)], base256(-8192, 12)) + B + END,
            broken,
        ),
        bad(
            "T164_typeS_ustar_magic",
            gnu_sparse(b"s.bin", data, [(0, 4)], 8192, magic=USTAR) + B + END,
            broken,
        ),
        bad("B70_sparse_leftover", _sparse10(decimal_map([(0, 2)]) + data, 8192), broken),
        bad("B71_sparse_missing", _sparse10(decimal_map([(0, 8)]) + data, 8192), broken),
        bad(
            "B72_sparse_no_count",
            pax((b"GNU.sparse.major", b"0"), (b"GNU.sparse.minor", b"1")) + A + END,
            broken,
        ),
        bad(
            "B73_sparse_directory",
            pax(*_SPARSE_KEYS, (b"GNU.sparse.realsize", b"8")) + header(b"d", 0, b"5") + END,
            broken,
        ),
        bad("B74_sparse_pairs_swapped", pax((b"GNU.sparse.numbytes", b"1")) + A + END, broken),
        bad("B75_sparse_map_endless", _sparse10(b"0" * 2048, 8192), broken),
    ]


def names() -> list[Case]:
    """Return the rows about names."""
    odd, control = "tar.meta-ambiguous", "name.control-char"
    hundred = b"n" * 100
    return [
        good("T1700_name_abs", _named(b"/etc/passwd"), "/etc/passwd|b.txt"),
        good("T1701_name_dotdot", _named(b"../../etc/passwd"), "../../etc/passwd|b.txt"),
        good("T1703_name_mid_dotdot", _named(b"a/../../etc/passwd"), "a/../../etc/passwd|b.txt"),
        good("T1706_name_empty", _named(b""), "|b.txt", "name.empty"),
        good("T1707_name_dot", header(b".", 0, b"5") + B + END, "5:.|b.txt"),
        good("T1710_name_backslash", _named(b"..\\..\\evil"), "..\\\\..\\\\evil|b.txt"),
        good("T1711_name_newline", _named(b"a\nb"), "a\\nb|b.txt", control),
        good("T1712_name_esc", _named(b"\x1b[2Jx"), "\\x1b[2Jx|b.txt", control),
        good("T1713_name_rtl", _named("\u202egnp.exe".encode()), "\\xe2\\x80\\xaegnp.exe|b.txt", "name.bidi"),
        good("T1714_name_latin1", _named(b"caf\xe9"), "caf\\xe9|b.txt", "name.not-utf8"),
        good("T1716_name_dash", _named(b"-rf"), "-rf|b.txt"),
        good("T1719_name_wh", _named(b".wh."), ".wh.|b.txt"),
        good("T1723_name_script", _named(b"<script>alert(1)</script>"), "<script>alert(1)</script>|b.txt"),
        good(
            "T1725_name_surrogate_utf8", _named(b"\xed\xa0\x80x"), "\\xed\\xa0\\x80x|b.txt", "name.not-utf8"
        ),
        good("T1730_name_100_no_nul", _named(hundred), "n" * 100 + "|b.txt"),
        good(
            "T1732_prefix_with_gnu_magic",
            member(b"leaf.txt", magic=GNU, prefix=b"pre/fix") + B + END,
            "pre/fix/leaf.txt|b.txt",
            odd,
        ),
        good(
            "T1733_prefix_with_v7_magic",
            member(b"leaf.txt", magic=V7, prefix=b"pre/fix") + B + END,
            "leaf.txt|b.txt",
            odd,
        ),
        good(
            "T1734_prefix_ustar_nul_version",
            member(b"leaf.txt", magic=b"ustar\0\0\0", prefix=b"pre/fix") + B + END,
            "pre/fix/leaf.txt|b.txt",
            odd,
        ),
        good(
            "T1735_prefix_ustar_space_magic",
            member(b"leaf.txt", magic=b"ustar 00", prefix=b"pre/fix") + B + END,
            "leaf.txt|b.txt",
            odd,
        ),
        good("T1738_name_embedded_nul", _named(b"seen.txt\0hidden"), "seen.txt|b.txt", "tar.name-nul-tail"),
        bad("T1739_pax_path_100k", pax((b"path", b"d/" * 50_000 + b"f")) + A + B + END, "limit.name_bytes"),
        good(
            "T1740_comp_300_bytes",
            pax((b"path", b"n" * 300)) + A + B + END,
            "n" * 300 + "|b.txt",
            "name.too-long",
        ),
        good("T184_symlink_empty_target", header(b"x", 0, b"2") + B + END, "2:x|b.txt", "name.empty"),
        good("B43_empty_name_directory", header(b"", 0, b"5") + B + END, "5:|b.txt", "name.empty"),
        good("B63_prefix_and_name", member(b"name", prefix=b"some/dir") + END, "some/dir/name"),
        good("B64_gnu_times", member(b"name", magic=GNU, prefix=octal(1, 12) + octal(2, 12)) + END, "name"),
    ]


def links() -> list[Case]:
    """Return the rows whose point is the merged view; the scan itself has nothing to say about them."""

    def link(name: bytes, target: bytes, kind: bytes = b"1") -> bytes:
        return header(name, 0, kind, link=target)

    return [
        good("T180_hardlink_self", link(b"self", b"self") + B + END, "1:self|b.txt"),
        good("T182_hardlink_cycle", link(b"x", b"y") + link(b"y", b"x") + B + END, "1:x|1:y|b.txt"),
        good("T183_symlink_loop", link(b"x", b"y", b"2") + link(b"y", b"x", b"2") + B + END, "2:x|2:y|b.txt"),
        good("T185_hardlink_escape", link(b"hl", b"../../etc/shadow") + B + END, "1:hl|b.txt"),
        good(
            "T186_write_through_symlink",
            link(b"d", b"/var/pwned", b"2") + member(b"d/pwn") + END,
            "2:d|d/pwn",
        ),
        good("T188_dup_paths", member(b"dup") + member(b"dup") + B + END, "dup|dup|b.txt"),
        good("T189_root_symlink_dot", link(b".", b"etc", b"2") + member(b"x") + END, "2:.|x"),
    ]


def sound() -> list[Case]:
    """Return streams that every reader understands, as seeds for mutation."""
    chunk = b"x" * 512
    entries = [(at * 4096, 512) for at in range(30)]
    whole = chunk * 30
    return [
        good("S1_three_files", A + B + C + END, "a.txt|b.txt|c.txt"),
        good("S2_gnu_long", long(b"l" * 200) + A + long(b"t" * 150, b"K") + header(b"s", 0, b"2", link=b"t") + END,
             "l" * 200 + "|2:s"),
        good("S3_gnu_sparse", gnu_sparse(b"sp", whole, entries, 200_000) + B + END, "S:sp[200000]|b.txt", "tar.sparse"),
        *(
            good(f"S4_pax_sparse_{form}", pax_sparse(b"sp", whole, entries, 200_000, form) + B + END,
                 "sp[200000]|b.txt", "tar.sparse")
            for form in ("0.0", "0.1", "1.0")
        ),
        good("S5_star", member(b"leaf", prefix=b"dir", patch={476: octal(1, 12), 488: octal(2, 12), 508: b"tar\0"})
             + END, "dir/leaf"),
        good("S6_v7", member(b"old", magic=V7) + header(b"dir/", 0, b"\0", magic=V7) + END, "old|5:dir/"),
        good("S7_base256", member(b"big", uid=base256(1 << 40, 8), gid=base256(-2, 8), mtime=base256(-5, 12)) + END,
             "big"),
        good("S8_xattrs", pax((b"SCHILY.xattr.security.capability", b"\1\0\n\0=\n"), (b"mtime", b"1.5")) + A + END,
             "a.txt"),
        good("S9_devices", header(b"null", 0, b"3", device=(octal(1, 8), octal(3, 8)))
             + header(b"sda", 0, b"4", device=(octal(8, 8), octal(0, 8))) + header(b"pipe", 0, b"6") + END,
             "3:null|4:sda|6:pipe"),
    ]  # fmt: skip


def catalogue() -> list[Case]:
    """Return every row."""
    parts = (framing, numbers, types, pax_sizes, pax_records, meta_chains, sparse, names, links, sound)
    return [case for part in parts for case in part()]
