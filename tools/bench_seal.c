/*
 * bench_seal.c - what the encrypted channel makes of the cipher that it stands on: both in one run.
 *
 *     bench_seal [MEGABYTES]
 *
 * Each row is one end's work, in bytes for a second of CPU time: sealing or opening by the cipher alone, in place, 64 KiB at a time; the same bytes through
 * a stack whose only layer is a channel; then a process that seals and writes to a Unix socket while another one reads and opens, the system's time
 * counted. The two ends work at once where there are two cores, so the slower of them is the rate of the transfer. Medians of five runs, and what
 * they are of the cipher's rate.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "../src/channel/channel.h"
#include "../src/layer/stack.h"

enum { BLOCK = 64 * 1024, AHEAD = 2 * BLOCK, RUNS = 5, READ_AT_ONCE = 64 * 1024 };

static struct pyn_keypair server_key;
static size_t total = (size_t)256 << 20;

/* Of this process: what others do on the same core does not count. */
static double now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void must(bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "bench_seal: %s\n", what);
        exit(1);
    }
}

static void stay_on(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    (void)sched_setaffinity(0, sizeof set, &set); /* without a second core, both share one */
}

/* ---- the cipher alone ---- */

static double cipher_alone(bool is_sealing)
{
    static uint8_t block[BLOCK + crypto_aead_chacha20poly1305_ietf_ABYTES];
    static const uint8_t key[crypto_aead_chacha20poly1305_ietf_KEYBYTES] = {1};
    static const uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    double sealing = 0;
    double opening = 0;

    for (size_t done = 0; done < total; done += BLOCK) {
        const double began = now();
        (void)crypto_aead_chacha20poly1305_ietf_encrypt(block, NULL, block, BLOCK, NULL, 0, NULL, nonce, key);
        const double sealed = now();
        must(crypto_aead_chacha20poly1305_ietf_decrypt(block, NULL, NULL, block, sizeof block, NULL, 0, nonce, key) == 0,
             "not opened");
        opening += now() - sealed;
        sealing += sealed - began;
    }
    return (double)total / (is_sealing ? sealing : opening);
}

/* ---- a channel ---- */

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    randombytes_buf(out, len);
}

static enum pyn_admittance let_in(void *ctx, const struct pyn_claim *claim, struct pyn_principal *who)
{
    (void)ctx;
    (void)claim;
    who->kind = PYN_PRINCIPAL_CAPABILITY;
    return PYN_JUDGED_IN;
}

static pyn_status make(const void *ctx, const struct pyn_mem *mem, struct pyn_layer **out)
{
    return pyn_channel_new(ctx, mem, out);
}

static struct pyn_stack *new_end(bool is_server)
{
    const struct pyn_channel_config config = {.is_server = is_server,
                                              .transport = pyn_view_of("tcp"),
                                              .own = is_server ? &server_key : NULL,
                                              .server_public = is_server ? NULL : server_key.public_key,
                                              .pattern = PYN_PATTERN_NK,
                                              .login = pyn_view_of(is_server ? "" : "login"),
                                              .judge = {let_in, NULL},
                                              .random = {fill, NULL}};
    const struct pyn_layer_sources sources = {.from = {{make, &config}}, .count = 1};
    struct pyn_stack *stack = NULL;

    must(pyn_stack_new(pyn_mem_default(), &sources, &stack) == PYN_OK, "no channel");
    return stack;
}

static void carry(struct pyn_stack *from, struct pyn_stack *to)
{
    struct pyn_view bytes = pyn_stack_output(from);
    struct pyn_view plain;

    must(pyn_stack_receive(to, bytes, &plain) == PYN_OK, "not taken");
    pyn_stack_used(to);
    pyn_stack_written(from, bytes.len);
}

static void shake(struct pyn_stack *client, struct pyn_stack *server)
{
    while (pyn_stack_output(client).len > 0 || pyn_stack_output(server).len > 0) {
        carry(client, server);
        carry(server, client);
    }
    must(pyn_stack_is_open(client) && pyn_stack_is_open(server), "no handshake");
}

/* In one process: the times of each side apart. */
static void through_stacks(const uint8_t *data, double *sealing, double *opening)
{
    struct pyn_stack *client = new_end(false);
    struct pyn_stack *server = new_end(true);
    double seal_time = 0;
    double open_time = 0;

    shake(client, server);
    for (size_t done = 0; done < total;) {
        size_t taken = 0;
        struct pyn_view plain;
        struct pyn_view bytes;
        double began = now();
        must(pyn_stack_send(client, (struct pyn_view){data, total - done < AHEAD ? total - done : AHEAD}, &taken) ==
                 PYN_OK,
             "not sealed");
        seal_time += now() - began;
        bytes = pyn_stack_output(client);
        while (bytes.len > 0) { /* cut as a socket cuts it */
            struct pyn_view piece = {bytes.data, bytes.len < READ_AT_ONCE ? bytes.len : READ_AT_ONCE};
            began = now();
            must(pyn_stack_receive(server, piece, &plain) == PYN_OK, "not opened");
            pyn_stack_used_some(server);
            open_time += now() - began;
            bytes.data += piece.len;
            bytes.len -= piece.len;
        }
        began = now();
        pyn_stack_written(client, pyn_stack_output(client).len);
        seal_time += now() - began;
        done += taken;
    }
    pyn_stack_free(client);
    pyn_stack_free(server);
    *sealing = (double)total / seal_time;
    *opening = (double)total / open_time;
}

/* ---- two processes ---- */

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void read_and_open(int fd, struct pyn_stack *server)
{
    static uint8_t scratch[READ_AT_ONCE];
    size_t left = total;

    stay_on(1);
    while (left > 0) {
        struct pyn_view plain;
        ssize_t n = recv(fd, scratch, sizeof scratch, 0);
        must(n > 0 && pyn_stack_receive(server, (struct pyn_view){scratch, (size_t)n}, &plain) == PYN_OK, "not read");
        left -= plain.len;
        pyn_stack_used_some(server);
    }
    must(write(fd, "", 1) == 1, "no word back");
}

static void over_a_socket(const uint8_t *data, double *writing, double *reading)
{
    struct pyn_stack *client = new_end(false);
    struct pyn_stack *server = new_end(true);
    double began = 0;
    int fds[2];
    struct rusage usage;
    char word = 0;
    pid_t child = 0;

    shake(client, server);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "no sockets");
    child = fork();
    must(child >= 0, "no process");
    if (child == 0) {
        read_and_open(fds[1], server);
        _exit(0);
    }
    stay_on(0);
    began = now();
    for (size_t done = 0; done < total;) {
        size_t taken = 0;
        must(pyn_stack_send(client, (struct pyn_view){data, total - done < AHEAD ? total - done : AHEAD}, &taken) ==
                 PYN_OK,
             "not sealed");
        while (pyn_stack_output(client).len > 0) {
            struct pyn_view bytes = pyn_stack_output(client);
            ssize_t n = send(fds[0], bytes.data, bytes.len, MSG_NOSIGNAL);
            must(n > 0, "not written");
            pyn_stack_written(client, (size_t)n);
        }
        done += taken;
    }
    must(read(fds[0], &word, 1) == 1, "no word back");
    began = now() - began;
    must(wait4(child, NULL, 0, &usage) == child, "no end");
    (void)close(fds[0]);
    (void)close(fds[1]);
    pyn_stack_free(client);
    pyn_stack_free(server);
    *writing = (double)total / began;
    *reading = (double)total / (seconds(usage.ru_utime) + seconds(usage.ru_stime));
}

/* ---- the table ---- */

static int by_size(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;

    return (*left > *right) - (*left < *right);
}

static double median(double values[RUNS])
{
    qsort(values, RUNS, sizeof values[0], by_size);
    return values[RUNS / 2];
}

static void row(const char *what, double rate, double cipher)
{
    printf("%-44s %8.0f MB/s   %3.0f %%\n", what, rate / 1e6, 100 * rate / cipher);
}

int main(int argc, char **argv)
{
    double rates[6][RUNS];
    uint8_t secret[PYN_NOISE_KEY_LEN];
    uint8_t *data = NULL;

    must(sodium_init() >= 0, "no libsodium");
    if (argc > 1) {
        total = strtoul(argv[1], NULL, 10) << 20;
    }
    data = calloc(1, AHEAD);
    must(data != NULL && total >= BLOCK, "MEGABYTES is 1 at least");
    randombytes_buf(secret, sizeof secret);
    pyn_keypair_from(&server_key, secret);
    for (int run = 0; run < RUNS; run++) {
        stay_on(0);
        rates[0][run] = cipher_alone(true);
        rates[1][run] = cipher_alone(false);
        through_stacks(data, &rates[2][run], &rates[3][run]);
        over_a_socket(data, &rates[4][run], &rates[5][run]);
    }
    const double sealing = median(rates[0]);
    const double opening = median(rates[1]);
    row("cipher alone, sealing", sealing, sealing);
    row("cipher alone, opening", opening, opening);
    row("channel, sealing", median(rates[2]), sealing);
    row("channel, opening", median(rates[3]), opening);
    row("sealed and written to a socket", median(rates[4]), sealing);
    row("read from it and opened", median(rates[5]), opening);
    free(data);
    return 0;
}
