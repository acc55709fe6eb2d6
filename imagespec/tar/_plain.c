/*
 * The hot function of the tar scanner: finds, checks and takes apart plain headers, in memory or hopping over a file.
 *
 * imagespec/tar/pure.py and hopping.py do the same in Python and are the specification; _plain.pyi documents the call.
 * No text of extended headers, no calls back. Field offsets: POSIX.1-1988 ustar, "tar/format.go" of Go 1.26.
 *
 * The members go into a batch: the caller's memory, laid out so that each column can be appended to the index at once.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK = 512,
    ROWS = 512, /* members of a batch: few enough for the processor's cache */
    NAME_ROOM = 256, LINK_ROOM = 256, /* prefix, slash and name; a link, of which PAX may fill more than a header */
    MOST_META = 4096, /* body of an extended header, at most */
    LEAST = 512, MOST = 16384, PAGE = 4096, /* bytes of a file that are read at once, to the end of a page */
    NEAR = 4096, /* reading so many bytes costs about what a call of the system does */
    MODE = 100, UID = 108, GID = 116, SIZE = 124, MTIME = 136, CHECKSUM = 148, TYPE = 156, LINK = 157,
    MAGIC = 257, DEVICES = 329, PREFIX = 345, PREFIX_END = 500,
};

typedef struct {
    int64_t rows, name_bytes, links, link_bytes; /* in use */
    int64_t names_before;                        /* bytes of names in the index, before this batch */
    int64_t most_meta;                           /* bytes of an extended header that is taken */
    int64_t file, start, size;                   /* descriptor, and where in the file the stream lies */
    int64_t base, end, length;                   /* offsets of what was read of it, and how much is read at once */
    int64_t name_ends[ROWS]; /* counted from the first name of the index */
    int64_t uids[ROWS], gids[ROWS], sizes[ROWS];
    double mtimes[ROWS];
    int64_t header_offsets[ROWS], data_offsets[ROWS];
    int64_t link_rows[ROWS], link_ends[ROWS];
    uint16_t modes[ROWS];
    uint8_t types[ROWS];
    uint8_t names[ROWS * NAME_ROOM];
    uint8_t link_texts[ROWS * LINK_ROOM];
    uint8_t window[MOST + PAGE];
} Batch;

typedef struct { int64_t mode, uid, gid, size, mtime; int is_ustar; } Header;

static const uint8_t ZEROS[BLOCK];
static const int64_t FARTHEST = INT64_MAX / 4; /* offset: nothing overflows */

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
    uint32_t sum = sum_block(block, &is_ascii) + 8 * ' ';
    for (int i = 0; i < 8; i++)
        sum -= field[i];
    return at && rest == 8 && is_ascii && sum == wanted;
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
    int name = put_name(block, &header, batch->names + batch->name_bytes), is_link = kind == '1' || kind == '2';
    if (!name || (is_link ? link <= 0 || header.size : link != 0)
        || (kind == '0' ? batch->names[batch->name_bytes + name - 1] == '/' : !is_link && (kind != '5' || header.size)))
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

/* Bytes of the stream, from offset `base` to before `end`; they are the batch's own if its file is read. */
typedef struct { const uint8_t *data; int64_t base, end; int is_file; } Window;

/* Read the file on from offset `from`: more and more where headers are near, less where they are far. */
static void read_on(Batch *batch, Window *window, int64_t from, int64_t least)
{
    int64_t length = from - window->end > NEAR ? batch->length / 4 : batch->length * 4, left = batch->size - from;
    length = length < LEAST ? LEAST : length > MOST ? MOST : length;
    batch->length = length = length < least ? least : length;
    length += -(batch->start + from + length) & (PAGE - 1);
    length = left < length ? left : length;
    /* Where this fails or is interrupted, the caller reads at the same place and learns why. */
    ssize_t count = length > 0 ? pread((int)batch->file, batch->window, (size_t)length, batch->start + from) : 0;
    window->base = batch->base = from;
    window->end = batch->end = from + (count > 0 ? count : 0);
}

/* Give the bytes from offset `from` on; NULL if there are none up to `to`. */
static const uint8_t *cover(Batch *batch, Window *window, int64_t from, int64_t to)
{
    if (window->is_file && (from < window->base || to > window->end))
        read_on(batch, window, from, to - from);
    return from < window->base || to > window->end ? NULL : window->data + (from - window->base);
}

/* Give the size of the extended header at `at`; 0 if it is not plain, and whole with what follows. */
static int64_t check_meta(Batch *batch, Window *window, const uint8_t *block, int64_t at)
{
    Header header;
    if (!read_header(block, &header) || !header.size || header.size > batch->most_meta || text_length(block, 100) < 0
        || (block[TYPE] == 'x' && !header.is_ustar) || (header.is_ustar && text_length(block + PREFIX, 155) < 0))
        return 0;
    int64_t end = BLOCK + header.size, next = padded(end);
    block = cover(batch, window, at, at + next + BLOCK);
    return block && is_zero(block + end, next - end) ? end : 0;
}

/* Take members until one is not plain, `most` rows are full, or one has an extended header; give that and its size. */
static const uint8_t *take_all(Batch *batch, Window *bytes, int64_t *body_end, int64_t *at, int64_t most, int64_t *size)
{
    const uint8_t *block;
    while (batch->rows < most && (block = cover(batch, bytes, *body_end, *at + BLOCK))
           && is_zero(block, *at - *body_end)) {
        int64_t first = *at, meta = 0;
        block += first - *body_end;
        int is_meta = block[TYPE] == 'x' || block[TYPE] == 'L';
        if (is_meta && !(meta = check_meta(batch, bytes, block, first)))
            break;
        block = bytes->data + (first - bytes->base);
        int64_t member_at = first + padded(meta), body = take_member(batch, block + padded(meta), member_at);
        if (body < 0)
            break;
        *body_end = member_at + BLOCK + body;
        *at = padded(*body_end);
        if ((*size = meta))
            return block;
    }
    return NULL;
}

static int is_consistent(const Py_buffer *buffer)
{
    const Batch *batch = buffer->buf;
    return buffer->len == (Py_ssize_t)sizeof(Batch) && (uintptr_t)buffer->buf % sizeof(int64_t) == 0
        && batch->rows >= 0 && batch->rows <= ROWS && batch->links >= 0 && batch->links <= batch->rows
        && batch->name_bytes >= 0 && batch->name_bytes <= batch->rows * NAME_ROOM
        && batch->link_bytes >= 0 && batch->link_bytes <= batch->links * LINK_ROOM && batch->most_meta <= MOST_META
        && batch->start >= 0 && batch->start < FARTHEST && batch->size < FARTHEST && batch->length <= MOST
        && batch->base >= 0 && batch->end >= batch->base && batch->end - batch->base <= MOST + PAGE;
}

/* Take from the bytes or, without the interpreter's lock, from the batch's file. */
static PyObject *take_in(Batch *batch, const Py_buffer *bytes, int64_t base, int64_t body_end, int64_t at, int64_t most)
{
    Window window = bytes->obj ? (Window){bytes->buf, base, base + bytes->len, 0}
                               : (Window){batch->window, batch->base, batch->end, 1};
    int64_t before = batch->rows, size = 0;
    PyThreadState *state = window.is_file ? PyEval_SaveThread() : NULL;
    const uint8_t *meta = take_all(batch, &window, &body_end, &at, most, &size);
    if (state)
        PyEval_RestoreThread(state);
    return Py_BuildValue("LLLy#", (long long)body_end, (long long)at, (long long)(batch->rows - before),
                         (const char *)meta, (Py_ssize_t)size);
}

static PyObject *take(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    Py_buffer batch, bytes = {0};
    long long numbers[4]; /* base, body_end, at, limit */
    PyObject *result = NULL;
    if (count != 6)
        return PyErr_Format(PyExc_TypeError, "take() needs 6 arguments");
    for (int i = 0; i < 4 && !PyErr_Occurred(); i++)
        numbers[i] = PyLong_AsLongLong(args[i + 2]);
    if (PyErr_Occurred() || PyObject_GetBuffer(args[0], &batch, PyBUF_WRITABLE) < 0)
        return NULL;
    if (args[1] == Py_None || PyObject_GetBuffer(args[1], &bytes, PyBUF_SIMPLE) == 0) {
        int64_t base = numbers[0], body_end = numbers[1], at = numbers[2];
        if (base < 0 || body_end < base || at < body_end || at - body_end >= BLOCK || at > FARTHEST)
            PyErr_SetString(PyExc_ValueError, "offsets out of order");
        else if (!is_consistent(&batch))
            PyErr_SetString(PyExc_ValueError, "no batch");
        else
            result = take_in(batch.buf, &bytes, base, body_end, at, numbers[3] < ROWS ? numbers[3] : ROWS);
        PyBuffer_Release(&bytes); /* if any */
    }
    PyBuffer_Release(&batch);
    return result;
}

static PyMethodDef METHODS[] = {
    {"take", (PyCFunction)(void (*)(void))take, METH_FASTCALL, "Take plain members; see _plain.pyi."}, {0},
};

static PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, .m_name = "imagespec.tar._plain", .m_methods = METHODS,
};

PyMODINIT_FUNC PyInit__plain(void)
{
    return PyModuleDef_Init(&MODULE);
}
