/* frames.c - see frames.h. */
#include "frames.h"

#include "../wire/utf8.h"

enum { CODE_LEN = 2 };

/* ---- what wslay asks of us ---- */

static ssize_t give_bytes(uint8_t *out, size_t room, int flags, void *ctx)
{
    struct pyn_frames *frames = ctx;
    size_t len = frames->in.len < room ? frames->in.len : room;

    (void)flags;
    if (len > 0) {
        memcpy(out, frames->in.data, len);
        frames->in.data += len;
        frames->in.len -= len;
    }
    return (ssize_t)len;
}

static ssize_t take_bytes(const uint8_t *bytes, size_t len, int flags, void *ctx)
{
    struct pyn_frames *frames = ctx;

    (void)flags;
    frames->out_state = pyn_buf_append(frames->out, bytes, len);
    return frames->out_state == PYN_OK ? (ssize_t)len : -1;
}

static int make_mask(uint8_t *out, size_t len, void *ctx)
{
    struct pyn_frames *frames = ctx;

    if (frames->mask_left < len) {
        frames->config->random(frames->masks, sizeof frames->masks);
        frames->mask_left = sizeof frames->masks;
    }
    frames->mask_left -= len;
    memcpy(out, frames->masks + frames->mask_left, len);
    return 0;
}

pyn_status pyn_frames_init(struct pyn_frames *frames, const struct pyn_websocket_config *config)
{
    const struct wslay_frame_callbacks callbacks = {take_bytes, give_bytes, make_mask};

    *frames = (struct pyn_frames){.config = config};
    return wslay_frame_context_init(&frames->context, &callbacks, frames) == 0 ? PYN_OK : PYN_ENOMEM;
}

void pyn_frames_fini(struct pyn_frames *frames)
{
    if (frames->context != NULL) {
        wslay_frame_context_free(frames->context);
    }
    frames->context = NULL;
}

/* ---- writing ---- */

static pyn_status write_frame(struct pyn_frames *frames, uint8_t opcode, struct pyn_view bytes, struct pyn_buf *out)
{
    struct wslay_frame_iocb frame = {.fin = 1,
                                     .opcode = opcode,
                                     .mask = frames->config->is_server ? 0 : 1,
                                     .payload_length = bytes.len,
                                     .data = bytes.data,
                                     .data_length = bytes.len};
    ssize_t n = 0;

    frames->out = out;
    frames->out_state = PYN_OK;
    n = wslay_frame_send(frames->context, &frame);
    if (n >= 0 && (size_t)n == bytes.len) {
        return PYN_OK;
    }
    return frames->out_state != PYN_OK ? frames->out_state : PYN_EINTERNAL;
}

pyn_status pyn_frames_send(struct pyn_frames *frames, struct pyn_view bytes, struct pyn_buf *out)
{
    return write_frame(frames, WSLAY_BINARY_FRAME, bytes, out);
}

void pyn_frames_close(struct pyn_frames *frames, uint16_t code, struct pyn_buf *out)
{
    const uint16_t said = frames->code != 0 ? frames->code : code;
    const uint8_t body[CODE_LEN] = {(uint8_t)(said >> 8), (uint8_t)said};

    (void)write_frame(frames, WSLAY_CONNECTION_CLOSE, (struct pyn_view){body, sizeof body}, out);
}

/* ---- reading ---- */

static pyn_status fail(struct pyn_frames *frames, enum wslay_status_code code, pyn_status st, const char *reason)
{
    frames->code = (uint16_t)code;
    frames->reason = reason;
    return st;
}

static pyn_status breach(struct pyn_frames *frames, const char *reason)
{
    return fail(frames, WSLAY_CODE_PROTOCOL_ERROR, PYN_EFORMAT, reason);
}

static pyn_status begin_data(struct pyn_frames *frames, const struct wslay_frame_iocb *frame)
{
    const uint64_t most = frames->config->message_max;

    if (frame->opcode == WSLAY_CONTINUATION_FRAME) {
        if (!frames->is_in_message) {
            return breach(frames, "a websocket continuation of nothing");
        }
    } else if (frames->is_in_message) {
        return breach(frames, "a websocket message inside of another");
    } else {
        frames->message_len = 0;
    }
    if (frame->opcode == WSLAY_TEXT_FRAME) {
        return fail(frames, WSLAY_CODE_UNSUPPORTED_DATA, PYN_EPROTOCOL,
                    "a websocket text message: only binary ones count");
    }
    if (frames->message_len > most || frame->payload_length > most - frames->message_len) {
        return fail(frames, WSLAY_CODE_MESSAGE_TOO_BIG, PYN_ESIZE, "a websocket message beyond its limit");
    }
    frames->message_len += frame->payload_length;
    frames->is_in_message = true;
    return PYN_OK;
}

/* wslay takes the shortest form of a length and no other. */
static uint64_t head_len(const struct wslay_frame_iocb *frame)
{
    const uint64_t of_len = frame->payload_length < 126 ? 0 : frame->payload_length < 65536 ? 2 : 8;

    return 2 + of_len + (frame->mask != 0 ? 4 : 0);
}

bool pyn_frames_is_between(const struct pyn_frames *frames)
{
    return frames->unframed == 0 && !frames->is_in_frame;
}

static pyn_status begin_frame(struct pyn_frames *frames, const struct wslay_frame_iocb *frame)
{
    frames->is_in_frame = true;
    frames->frame_len = head_len(frame) + frame->payload_length;
    frames->opcode = frame->opcode;
    frames->is_last = frame->fin != 0;
    frames->left = frame->payload_length;
    frames->control_len = 0;
    if (frame->rsv != WSLAY_RSV_NONE) {
        return breach(frames, "a websocket frame with reserved bits");
    }
    if ((frame->mask != 0) != frames->config->is_server) {
        return breach(frames, frame->mask != 0 ? "a masked websocket frame from a server"
                                               : "a websocket frame from a client without a mask");
    }
    switch (frame->opcode) {
    case WSLAY_CONTINUATION_FRAME:
    case WSLAY_TEXT_FRAME:
    case WSLAY_BINARY_FRAME:
        return begin_data(frames, frame);
    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG: /* wslay has seen to it that they are whole, and short */
        return PYN_OK;
    default:
        return breach(frames, "a websocket frame of a kind that there is not");
    }
}

static bool is_code(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static pyn_status take_close(struct pyn_frames *frames)
{
    unsigned code = WSLAY_CODE_NORMAL_CLOSURE;

    if (frames->control_len > 0) {
        code = (unsigned)frames->control[0] << 8 | frames->control[1];
        if (frames->control_len < CODE_LEN || !is_code(code)) {
            return breach(frames, "a websocket close frame with a code that there is not");
        }
        if (!pyn_utf8_is_valid((struct pyn_view){frames->control + CODE_LEN, frames->control_len - CODE_LEN})) {
            return fail(frames, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, PYN_EUTF8,
                        "a websocket close frame with a reason that is not UTF-8");
        }
    }
    frames->code = (uint16_t)code;
    frames->reason = "the peer has closed the websocket";
    return PYN_EGONE;
}

static pyn_status end_frame(struct pyn_frames *frames, struct pyn_buf *out)
{
    frames->is_in_frame = false;
    frames->unframed -= frames->frame_len;
    switch (frames->opcode) {
    case WSLAY_CONNECTION_CLOSE:
        return take_close(frames);
    case WSLAY_PING:
        return write_frame(frames, WSLAY_PONG, (struct pyn_view){frames->control, frames->control_len}, out);
    case WSLAY_PONG:
        return PYN_OK;
    default:
        frames->is_in_message = !frames->is_last;
        return PYN_OK;
    }
}

static pyn_status take_piece(struct pyn_frames *frames, const struct wslay_frame_iocb *frame, struct pyn_buf *up,
                             struct pyn_buf *out)
{
    pyn_status st = PYN_OK;

    if (!frames->is_in_frame) {
        st = begin_frame(frames, frame);
    }
    if (st != PYN_OK) {
        return st;
    }
    if (wslay_is_ctrl_frame(frames->opcode)) {
        if (frame->data_length > PYN_CONTROL_MAX - frames->control_len) {
            return PYN_EINTERNAL;
        }
        memcpy(frames->control + frames->control_len, frame->data, frame->data_length);
        frames->control_len += frame->data_length;
    } else {
        st = pyn_buf_append(up, frame->data, frame->data_length);
    }
    frames->left -= frame->data_length;
    return st == PYN_OK && frames->left == 0 ? end_frame(frames, out) : st;
}

pyn_status pyn_frames_receive(struct pyn_frames *frames, struct pyn_view bytes, struct pyn_buf *up, struct pyn_buf *out)
{
    pyn_status st = PYN_OK;

    frames->in = bytes;
    frames->unframed += bytes.len;
    while (st == PYN_OK) {
        struct wslay_frame_iocb frame = {0};
        ssize_t n = wslay_frame_recv(frames->context, &frame);
        if (n == WSLAY_ERR_WANT_READ) {
            return PYN_OK; /* and nothing is left of the bytes */
        }
        st = n < 0 ? breach(frames, "a websocket frame that is malformed") : take_piece(frames, &frame, up, out);
    }
    return st;
}
