/*
 * Whatever frame wslay reads, in whatever state: control frames fit the room that they have, a message of the peer's is never larger than it may be, and
 * one that may not be ends the connection with a code. So it is after any number of frames.
 */
#include "../../src/websocket/frames.c"
#include "proof.h"

enum { PIECE = 125 };

/* Bytes are any bytes, so that none is moved: where they come from and go to is what counts. */
void *memcpy(void *to, const void *from, size_t len)
{
    PROVE(len == 0 || (__CPROVER_r_ok(from, len) && __CPROVER_w_ok(to, len)), "a payload fits where it goes");
    return to;
}

/* Neighbours, by contract. */
pyn_status pyn_buf_append_slow(struct pyn_buf *buf, const void *data, size_t len)
{
    (void)buf;
    PROVE(len == 0 || __CPROVER_r_ok(data, len), "what goes up is there");
    return nondet_bool() ? PYN_OK : nondet_bool() ? PYN_ESIZE : PYN_ENOMEM;
}

bool pyn_utf8_is_valid(struct pyn_view text)
{
    PROVE(text.len == 0 || __CPROVER_r_ok(text.data, text.len), "a reason is in its frame");
    return nondet_bool();
}

/* All of it, or as much as there was room for. */
ssize_t wslay_frame_send(wslay_frame_context_ptr context, struct wslay_frame_iocb *frame)
{
    struct pyn_frames *frames = (struct pyn_frames *)(void *)context;

    PROVE(frame->data_length == 0 || __CPROVER_r_ok(frame->data, frame->data_length), "what is answered is there");
    PROVE(frame->data_length == frame->payload_length, "a frame that is sent is whole");
    if (nondet_bool()) {
        return (ssize_t)frame->data_length;
    }
    frames->out_state = nondet_bool() ? PYN_ESIZE : PYN_ENOMEM;
    return -1;
}

static bool is_control(uint8_t opcode)
{
    return (opcode & 8) != 0;
}

/* What holds between any two pieces. */
static bool is_sound(const struct pyn_frames *frames)
{
    return frames->message_len <= frames->config->message_max && frames->control_len <= PYN_CONTROL_MAX &&
           (!frames->is_in_frame ||
            (frames->opcode <= 10 && (frames->opcode & 7) <= 2 && frames->opcode != 1 &&
             (!is_control(frames->opcode) || frames->left <= PYN_CONTROL_MAX - frames->control_len)));
}

int main(void)
{
    const struct pyn_websocket_config config = {.is_server = nondet_bool(), .message_max = nondet_u64()};
    struct pyn_frames frames;
    struct wslay_frame_iocb frame;
    struct pyn_buf up = {0};
    struct pyn_buf out = {0};
    uint8_t block[PIECE];

    frames.config = &config;
    frames.context = (wslay_frame_context_ptr)(void *)&frames;
    frames.is_in_message = nondet_bool();
    frames.is_in_frame = nondet_bool();
    frames.is_last = nondet_bool();
    frames.code = 0;
    ASSUME(is_sound(&frames));
    /* The contract of wslay: the head of a control frame says that it is whole and short, and a piece is no longer than what is left of its frame. */
    frame.data_length = nondet_size_to(PIECE);
    frame.data = LAST_BYTES(block, frame.data_length);
    if (frames.is_in_frame) {
        ASSUME(frame.opcode == frames.opcode && frame.data_length <= frames.left);
    } else {
        ASSUME(frame.opcode <= 15 && frame.data_length <= frame.payload_length);
        ASSUME(!is_control(frame.opcode) || (frame.fin != 0 && frame.payload_length <= PYN_CONTROL_MAX));
        ASSUME(frame.payload_length <= INT64_MAX);
    }
    const struct pyn_frames before = frames;
    const pyn_status st = take_piece(&frames, &frame, &up, &out);

    PROVE(frames.message_len <= config.message_max, "a message is no larger than it may be");
    if (st == PYN_OK) {
        PROVE(is_sound(&frames), "and a control frame fits");
        PROVE(frames.code == 0, "what is in order has no code");
        PROVE(frames.is_in_frame == (frames.left > 0), "a frame ends with its last byte");
        PROVE(before.is_in_frame || (frame.rsv == 0 && (frame.mask != 0) == config.is_server),
              "a client's frames are masked, a server's are not, and nothing is reserved");
        PROVE(before.is_in_frame || (frame.opcode != WSLAY_TEXT_FRAME && (frame.opcode & 7) <= 2),
              "and of a kind that there is");
        PROVE(before.is_in_frame || is_control(frame.opcode) ||
                  (frame.opcode == WSLAY_CONTINUATION_FRAME) == before.is_in_message,
              "a message continues what was begun and nothing else");
        PROVE(!is_control(frames.opcode) || frames.is_in_message == before.is_in_message,
              "a control frame changes nothing about a message");
    } else {
        PROVE(st == PYN_ENOMEM || st == PYN_ESIZE || frames.code != 0, "who breaks the rules is told by a code");
    }
    return 0;
}
