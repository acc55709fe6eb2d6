/*
 * The hot function of the tar scanner: finds, checks and takes apart plain headers.
 *
 * imagespec/tar/pure.py does the same in Python and is the specification; _plain.pyi documents the call. No input or
 * output, no text of extended headers, no calls back. Field offsets: POSIX.1-1988 ustar, "tar/format.go" of Go 1.26.
 *
 * The members go into a batch: memory that the caller owns, laid out as `Batch`, so that a column of it can be
 * appended to the index at once.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum {
    BLOCK = 512,
    ROWS = 512,     /* members of a batch: few enough for the processor's cache */
    NAME_ROOM = 256, /* prefix, slash and name */
    LINK_ROOM = 256, /* of which PAX may fill more than a header does */
    MODE = 100, UID = 108, GID = 116, SIZE = 124, MTIME = 136, CHECKSUM = 148, TYPE = 156, LINK = 157,
    MAGIC = 257, DEVICES = 329, PREFIX = 345, PREFIX_END = 500,
};

typedef struct {
    int64_t rows, name_bytes, links, link_bytes; /* in use */
    int64_t names_before;                        /* bytes of names in the index, before this batch */
    int64_t unused[3];
    int64_t name_ends[ROWS]; /* counted from the first name of the index */
    int64_t uids[ROWS], gids[ROWS], sizes[ROWS];
    double mtimes[ROWS];
    int64_t header_offsets[ROWS], data_offsets[ROWS];
    int64_t link_rows[ROWS], link_ends[ROWS];
    uint16_t modes[ROWS];
    uint8_t types[ROWS];
    uint8_t names[ROWS * NAME_ROOM];
    uint8_t link_texts[ROWS * LINK_ROOM];
} Batch;

typedef struct { int64_t mode, uid, gid, size, mtime; int is_ustar; } Header;

static const uint8_t ZEROS[BLOCK];

static int is_zero(const uint8_t *bytes, int64_t length)
{
    return memcmp(bytes, ZEROS, (size_t)length) == 0;
}

/* Give the length of the text in a field; -1 where something other than NULs follows the first NUL. */
static int text_length(const uint8_t *field, int room)
{
    const uint8_t *end = memchr(field, 0, (size_t)room);
    int length = end ? (int)(end - field) : room;
    return is_zero(field + length, room - length) ? length : -1;
}

/* Read an ordinary number: octal digits and one byte of padding. Other forms are not plain. */
static int read_octal(const uint8_t *field, int digits, int64_t *value)
{
    uint64_t number = 0;
    unsigned bad = 0;
    for (int i = 0; i < digits; i++) {
        unsigned digit = (unsigned)field[i] - '0';
        bad |= digit > 7;
        number = number << 3 | (digit & 7);
    }
    *value = (int64_t)number;
    return !bad && (field[digits] == 0 || field[digits] == ' ');
}

/* Sum the block's bytes, eight at a time, and collect the high bits: is it ASCII? */
static uint32_t sum_block(const uint8_t *block, int *is_ascii)
{
    const uint64_t even = 0x00FF00FF00FF00FFu;
    uint64_t lanes = 0, all = 0; /* 64 words add at most 2 * 255 * 64 to each lane of 16 bits */
    for (int at = 0; at < BLOCK; at += 8) {
        uint64_t word;
        memcpy(&word, block + at, sizeof word);
        lanes += (word & even) + (word >> 8 & even);
        all |= word;
    }
    *is_ascii = !(all & 0x8080808080808080u);
    return (uint32_t)((lanes & 0xFFFF) + (lanes >> 16 & 0xFFFF) + (lanes >> 32 & 0xFFFF) + (lanes >> 48));
}

/* Check the sum, which counts its own field as eight spaces, and that the block is ASCII. */
static int is_sealed(const uint8_t *block)
{
    const uint8_t *field = block + CHECKSUM;
    uint32_t wanted = 0;
    int at = 0, is_ascii, rest;
    for (; at < 8 && field[at] >= '0' && field[at] <= '7'; at++)
        wanted = wanted << 3 | (uint32_t)(field[at] - '0');
    for (rest = at; rest < 8 && (field[rest] == 0 || field[rest] == ' '); rest++)
        ;
    if (!at || rest < 8)
        return 0;
    uint32_t sum = sum_block(block, &is_ascii) + 8 * ' ';
    for (int i = 0; i < 8; i++)
        sum -= field[i];
    return is_ascii && sum == wanted;
}

/* Tell whether a device number says nothing: blank, or zeros and one byte of padding. */
static int is_no_device(const uint8_t *field)
{
    int64_t value;
    return is_zero(field, 8) || (read_octal(field, 7, &value) && !value);
}

/* Read the parts of a header that every plain member and extended header has. */
static int read_header(const uint8_t *block, Header *header)
{
    header->is_ustar = memcmp(block + MAGIC, "ustar\0" "00", 8) == 0;
    if (!header->is_ustar && memcmp(block + MAGIC, "ustar  \0", 8) != 0)
        return 0;
    /* GNU headers have times where ustar has its prefix; STAR has them at the prefix's end. */
    const uint8_t *rest = block + (header->is_ustar ? PREFIX_END : PREFIX);
    return is_zero(rest, block + BLOCK - rest) && is_no_device(block + DEVICES) && is_no_device(block + DEVICES + 8)
        && read_octal(block + MODE, 7, &header->mode) && read_octal(block + UID, 7, &header->uid)
        && read_octal(block + GID, 7, &header->gid) && read_octal(block + SIZE, 11, &header->size)
        && read_octal(block + MTIME, 11, &header->mtime) && is_sealed(block);
}

/* Write the name behind the others of the batch and return its length; 0 where it is not plain. */
static int put_name(const uint8_t *block, const Header *header, uint8_t *names)
{
    int length = text_length(block, 100), prefix = header->is_ustar ? text_length(block + PREFIX, 155) : 0;
    if (length <= 0 || prefix < 0)
        return 0;
    if (prefix) {
        memcpy(names, block + PREFIX, (size_t)prefix);
        names[prefix++] = '/';
    }
    memcpy(names + prefix, block, (size_t)length);
    return prefix + length;
}

/* Append the member whose header is `block`, at offset `at`; give the size of its body, or -1 if it is not plain. */
static int64_t take_member(Batch *batch, const uint8_t *block, int64_t at)
{
    Header header;
    if (!read_header(block, &header))
        return -1;
    int64_t row = batch->rows;
    int kind = block[TYPE], link = text_length(block + LINK, 100);
    int name = put_name(block, &header, batch->names + batch->name_bytes);
    if (!name)
        return -1;
    int is_link = kind == '1' || kind == '2';
    if (is_link ? link <= 0 || header.size : link != 0)
        return -1;
    if (kind == '0' ? batch->names[batch->name_bytes + name - 1] == '/' : !is_link && (kind != '5' || header.size))
        return -1;
    if (is_link) {
        memcpy(batch->link_texts + batch->link_bytes, block + LINK, (size_t)link);
        batch->link_bytes += link;
        batch->link_rows[batch->links] = row;
        batch->link_ends[batch->links++] = batch->link_bytes;
    }
    batch->name_bytes += name;
    batch->name_ends[row] = batch->names_before + batch->name_bytes;
    batch->types[row] = (uint8_t)kind;
    batch->modes[row] = (uint16_t)(header.mode & 07777);
    batch->uids[row] = header.uid;
    batch->gids[row] = header.gid;
    batch->sizes[row] = header.size;
    batch->mtimes[row] = (double)header.mtime;
    batch->header_offsets[row] = at;
    batch->data_offsets[row] = at + BLOCK;
    batch->rows = row + 1;
    return header.size;
}

static int64_t padded(int64_t end)
{
    return end + (-(uint64_t)end & (BLOCK - 1));
}

typedef struct { const uint8_t *data; int64_t base, end; } Window; /* offsets of its first byte and behind its last */

/* Give the block at offset `at`; NULL where the window lacks it, or where the padding from `body_end` is not zero. */
static const uint8_t *next_block(const Window *window, int64_t body_end, int64_t at)
{
    if (at > window->end - BLOCK || !is_zero(window->data + (body_end - window->base), at - body_end))
        return NULL;
    return window->data + (at - window->base);
}

/* Find the block behind an extended header that is plain and whole in the window; NULL if it is not. */
static const uint8_t *skip_meta(const Window *window, const uint8_t *block, int64_t most, int64_t *at, int64_t *size)
{
    Header header;
    if (!read_header(block, &header) || !header.size || header.size > most || text_length(block, 100) < 0
        || (block[TYPE] == 'x' && !header.is_ustar)
        || (header.is_ustar && text_length(block + PREFIX, 155) < 0))
        return NULL;
    int64_t body_end = *at + BLOCK + header.size;
    *size = header.size;
    *at = padded(body_end);
    return next_block(window, body_end, *at);
}

/* Make the result; Py_BuildValue costs as much as a member. */
static PyObject *pack(int64_t body_end, int64_t at, int64_t count, PyObject *header, int owns_header)
{
    PyObject *result = NULL, *first = PyLong_FromLongLong(body_end), *second = PyLong_FromLongLong(at),
             *third = PyLong_FromLongLong(count);
    if (first && second && third && header)
        result = PyTuple_Pack(4, first, second, third, header);
    PyObject *owned[] = {first, second, third, owns_header ? header : NULL};
    for (int i = 0; i < 4; i++)
        Py_XDECREF(owned[i]);
    return result;
}

/* Take members until one is not plain, `limit` rows are full, or one with an extended header was taken. */
static PyObject *take_all(Batch *batch, const Window *window, int64_t body_end, int64_t at, int64_t limit, int64_t most)
{
    int64_t first = batch->rows, meta_size = 0;
    const uint8_t *block, *meta = NULL;
    while (batch->rows < limit && !meta && (block = next_block(window, body_end, at))) {
        int64_t member_at = at;
        const uint8_t *member = block;
        int is_meta = block[TYPE] == 'x' || block[TYPE] == 'L';
        if (is_meta && !(member = skip_meta(window, block, most, &member_at, &meta_size)))
            break;
        int64_t size = take_member(batch, member, member_at);
        if (size < 0)
            break;
        meta = is_meta ? block : NULL;
        body_end = member_at + BLOCK + size;
        at = padded(body_end);
    }
    PyObject *header = meta ? PyBytes_FromStringAndSize((const char *)meta, (Py_ssize_t)(BLOCK + meta_size)) : Py_None;
    return pack(body_end, at, batch->rows - first, header, meta != NULL);
}

static int is_consistent(const Py_buffer *buffer)
{
    const Batch *batch = buffer->buf;
    return buffer->len == (Py_ssize_t)sizeof(Batch) && (uintptr_t)buffer->buf % sizeof(int64_t) == 0
        && batch->rows >= 0 && batch->rows <= ROWS && batch->links >= 0 && batch->links <= batch->rows
        && batch->name_bytes >= 0 && batch->name_bytes <= batch->rows * NAME_ROOM
        && batch->link_bytes >= 0 && batch->link_bytes <= batch->links * LINK_ROOM;
}

static PyObject *take(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Py_buffer batch, bytes;
    long long numbers[5]; /* most_meta, base, body_end, at, limit */
    PyObject *result = NULL;
    if (count != 7)
        return PyErr_Format(PyExc_TypeError, "take() needs 7 arguments");
    for (int i = 0; i < 5; i++) {
        numbers[i] = PyLong_AsLongLong(args[i ? i + 2 : 1]);
        if (numbers[i] == -1 && PyErr_Occurred())
            return NULL;
    }
    if (PyObject_GetBuffer(args[0], &batch, PyBUF_WRITABLE) < 0)
        return NULL;
    if (PyObject_GetBuffer(args[2], &bytes, PyBUF_SIMPLE) == 0) {
        int64_t base = numbers[1], body_end = numbers[2], at = numbers[3];
        Window window = {bytes.buf, base, base};
        if (base < 0 || body_end < base || at < body_end || at - body_end >= BLOCK || at > INT64_MAX / 2)
            PyErr_SetString(PyExc_ValueError, "offsets out of order");
        else if (!is_consistent(&batch))
            PyErr_SetString(PyExc_ValueError, "no batch");
        else {
            window.end += bytes.len;
            result = take_all(batch.buf, &window, body_end, at, numbers[4] < ROWS ? numbers[4] : ROWS, numbers[0]);
        }
        PyBuffer_Release(&bytes);
    }
    PyBuffer_Release(&batch);
    return result;
}

static int add_constants(PyObject *module)
{
    return PyModule_AddIntConstant(module, "BATCH_BYTES", (long)sizeof(Batch));
}

static PyMethodDef METHODS[] = {
    {"take", (PyCFunction)(void (*)(void))take, METH_FASTCALL, "Take plain members; see _plain.pyi."}, {0},
};

static PyModuleDef_Slot SLOTS[] = {{Py_mod_exec, (void *)add_constants}, {0, NULL}};

static PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, .m_name = "imagespec.tar._plain", .m_methods = METHODS, .m_slots = SLOTS,
};

PyMODINIT_FUNC PyInit__plain(void)
{
    return PyModuleDef_Init(&MODULE);
}
