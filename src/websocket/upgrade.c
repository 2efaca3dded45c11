/* upgrade.c - see upgrade.h. */
#include "upgrade.h"

#include <assert.h>
#include <stdio.h>

#include "sha1.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { KEY_BYTES = 16 };

/* ---- keys ---- */

static void encode(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t at = 0; at < len; at += 3) {
        uint32_t group = (uint32_t)bytes[at] << 16;
        group |= at + 1 < len ? (uint32_t)bytes[at + 1] << 8 : 0;
        group |= at + 2 < len ? (uint32_t)bytes[at + 2] : 0;
        *out++ = digits[group >> 18];
        *out++ = digits[group >> 12 & 63];
        *out++ = at + 1 < len ? digits[group >> 6 & 63] : '=';
        *out++ = at + 2 < len ? digits[group & 63] : '=';
    }
}

/* 16 bytes in base64: 22 digits, the last with four bits of zero, and two signs of equality. */
static bool is_key(struct pyn_view key)
{
    for (size_t i = 0; i < key.len; i++) {
        const char *digit = memchr(digits, key.data[i], sizeof digits - 1);
        bool is_good = i < PYN_KEY_LEN - 2 ? digit != NULL : key.data[i] == '=';
        if (!is_good || (i == PYN_KEY_LEN - 3 && (digit - digits) % 16 != 0)) {
            return false;
        }
    }
    return key.len == PYN_KEY_LEN;
}

void pyn_upgrade_accept(const char key[PYN_KEY_LEN], char accept[PYN_ACCEPT_LEN])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t text[PYN_KEY_LEN + sizeof guid - 1];
    uint8_t digest[PYN_SHA1_LEN];

    memcpy(text, key, PYN_KEY_LEN);
    memcpy(text + PYN_KEY_LEN, guid, sizeof guid - 1);
    pyn_sha1((struct pyn_view){text, sizeof text}, digest);
    encode(digest, sizeof digest, accept);
}

/* ---- a client's head ---- */

static bool is_one_of(struct pyn_view text, const struct pyn_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (pyn_http_is(text, names->names[i])) {
            return true;
        }
    }
    return false;
}

/* Digits, one to five of them. */
static bool is_port(struct pyn_view port)
{
    for (size_t i = 0; i < port.len; i++) {
        if (port.data[i] < '0' || port.data[i] > '9') {
            return false;
        }
    }
    return port.len >= 1 && port.len <= 5;
}

/* The name of "name" or "name:port"; an IPv6 one stands in brackets. Empty when it is neither. */
static struct pyn_view host_name(struct pyn_view host)
{
    const struct pyn_view none = {NULL, 0};
    size_t len = 0;

    if (host.len > 0 && host.data[0] == '[') {
        const uint8_t *end = memchr(host.data, ']', host.len);
        len = end != NULL ? (size_t)(end - host.data) + 1 : 0;
    } else {
        while (len < host.len && host.data[len] != ':') {
            len++;
        }
    }
    if (len == 0 || len == host.len) {
        return len == 0 ? none : host;
    }
    if (host.data[len] != ':' || !is_port((struct pyn_view){host.data + len + 1, host.len - len - 1})) {
        return none;
    }
    return (struct pyn_view){host.data, len};
}

static bool is_our_name(const struct pyn_websocket_config *config, struct pyn_view host)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]"};
    const struct pyn_names always = {loopback, sizeof loopback / sizeof loopback[0]};
    struct pyn_view name = host_name(host);

    return name.len > 0 && (is_one_of(name, &always) || is_one_of(name, &config->hosts));
}

/* "GET /path HTTP/1.1", the path being ours byte by byte. */
static unsigned check_line(const struct pyn_websocket_config *config, struct pyn_view line)
{
    static const char method[] = "GET ";
    static const char version[] = " HTTP/1.1";
    const size_t method_len = sizeof method - 1;
    const size_t version_len = sizeof version - 1;
    struct pyn_view target;

    if (line.len < method_len + version_len || memcmp(line.data + line.len - version_len, version, version_len) != 0) {
        return 400;
    }
    if (memcmp(line.data, method, method_len) != 0) {
        return 405;
    }
    target = (struct pyn_view){line.data + method_len, line.len - method_len - version_len};
    if (target.len == 0 || target.data[0] != '/' || memchr(target.data, ' ', target.len) != NULL) {
        return 400;
    }
    return pyn_view_is_equal(target, pyn_view_of(config->path)) ? 0 : 404;
}

/* Who is called, and by whom: against a web page that has made its own name ours, or that the user merely looks at. */
static unsigned check_names(const struct pyn_websocket_config *config, const struct pyn_http_head *head)
{
    struct pyn_view host;
    struct pyn_view origin;
    size_t origins = pyn_http_find(head, "Origin", &origin);

    if (pyn_http_find(head, "Host", &host) != 1) {
        return 400;
    }
    if (!is_our_name(config, host)) {
        return 421;
    }
    return origins == 0 || (origins == 1 && is_one_of(origin, &config->origins)) ? 0 : 403;
}

static unsigned check_fields(const struct pyn_http_head *head, struct pyn_view *key)
{
    struct pyn_view value;

    if (pyn_http_find(head, "Content-Length", &value) > 0 || pyn_http_find(head, "Transfer-Encoding", &value) > 0) {
        return 400;
    }
    if (pyn_http_find(head, "Upgrade", &value) != 1 || !pyn_http_is(value, "websocket") ||
        pyn_http_find(head, "Connection", &value) != 1 || !pyn_http_list_has(value, "upgrade") ||
        pyn_http_find(head, "Sec-WebSocket-Version", &value) != 1 || !pyn_view_is_equal(value, pyn_view_of("13"))) {
        return 426;
    }
    if (pyn_http_find(head, "Sec-WebSocket-Key", key) != 1 || !is_key(*key) ||
        pyn_http_find(head, "Sec-WebSocket-Protocol", &value) != 1 ||
        !pyn_view_is_equal(value, pyn_view_of(PYN_WEBSOCKET_PROTOCOL))) {
        return 400;
    }
    return 0;
}

unsigned pyn_upgrade_check_request(const struct pyn_websocket_config *config, const struct pyn_http_head *head,
                                   char key[PYN_KEY_LEN])
{
    struct pyn_view found = {NULL, 0};
    unsigned status = check_line(config, head->line);

    memset(key, 0, PYN_KEY_LEN);
    status = status == 0 ? check_names(config, head) : status;
    status = status == 0 ? check_fields(head, &found) : status;
    if (status == 0) {
        memcpy(key, found.data, PYN_KEY_LEN);
    }
    return status;
}

/* ---- our answers ---- */

static pyn_status put(struct pyn_buf *out, const char *text)
{
    return pyn_buf_append(out, text, strlen(text));
}

pyn_status pyn_upgrade_answer(const char key[PYN_KEY_LEN], struct pyn_buf *out)
{
    char text[256];
    char accept[PYN_ACCEPT_LEN];

    pyn_upgrade_accept(key, accept);
    (void)snprintf(text, sizeof text,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: %.*s\r\nSec-WebSocket-Protocol: " PYN_WEBSOCKET_PROTOCOL "\r\n\r\n",
                   (int)sizeof accept, accept);
    return put(out, text);
}

static const char *phrase_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {421, "Misdirected Request"},
        {426, "Upgrade Required"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
    };

    for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (phrases[i].status == status) {
            return phrases[i].phrase;
        }
    }
    return "Bad Request";
}

pyn_status pyn_upgrade_refuse(unsigned status, struct pyn_buf *out)
{
    char text[256];

    (void)snprintf(text, sizeof text, "HTTP/1.1 %u %s\r\n%sConnection: close\r\nContent-Length: 0\r\n\r\n", status,
                   phrase_of(status),
                   status == 426   ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                   : status == 405 ? "Allow: GET\r\n"
                                   : "");
    return put(out, text);
}

/* ---- the client ---- */

pyn_status pyn_upgrade_ask(const struct pyn_websocket_config *config, char key[PYN_KEY_LEN], struct pyn_buf *out)
{
    uint8_t bytes[KEY_BYTES];
    char text[1024];
    int len = 0;

    config->random(bytes, sizeof bytes);
    encode(bytes, sizeof bytes, key);
    len = snprintf(
        text, sizeof text,
        "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: %.*s\r\nSec-WebSocket-Protocol: " PYN_WEBSOCKET_PROTOCOL "\r\n\r\n",
        config->path, config->host, PYN_KEY_LEN, key);
    return len > 0 && (size_t)len < sizeof text ? put(out, text) : PYN_EINTERNAL;
}

/* "HTTP/1.1 101 what a server likes to say": 0 when it is no such line. */
static unsigned status_of(struct pyn_view line)
{
    static const char version[] = "HTTP/1.1 ";
    const size_t at = sizeof version - 1;
    unsigned status = 0;

    if (line.len < at + 3 || memcmp(line.data, version, at) != 0 || (line.len > at + 3 && line.data[at + 3] != ' ')) {
        return 0;
    }
    for (size_t i = at; i < at + 3; i++) {
        if (line.data[i] < '0' || line.data[i] > '9') {
            return 0;
        }
        status = status * 10 + (unsigned)(line.data[i] - '0');
    }
    return status;
}

const char *pyn_upgrade_check_answer(const struct pyn_http_head *head, const char key[PYN_KEY_LEN], unsigned *status)
{
    struct pyn_view value;
    char accept[PYN_ACCEPT_LEN];

    *status = status_of(head->line);
    if (*status == 0) {
        return "the server does not speak HTTP/1.1";
    }
    if (*status != 101) {
        return "the server does not agree to a WebSocket";
    }
    pyn_upgrade_accept(key, accept);
    if (pyn_http_find(head, "Upgrade", &value) != 1 || !pyn_http_is(value, "websocket") ||
        pyn_http_find(head, "Connection", &value) != 1 || !pyn_http_list_has(value, "upgrade")) {
        return "the server has not upgraded to a WebSocket";
    }
    if (pyn_http_find(head, "Sec-WebSocket-Accept", &value) != 1 ||
        !pyn_view_is_equal(value, (struct pyn_view){(const uint8_t *)accept, sizeof accept})) {
        return "the server has answered somebody else's WebSocket key";
    }
    if (pyn_http_find(head, "Sec-WebSocket-Protocol", &value) != 1 ||
        !pyn_view_is_equal(value, pyn_view_of(PYN_WEBSOCKET_PROTOCOL))) {
        return "the server does not speak " PYN_WEBSOCKET_PROTOCOL;
    }
    return pyn_http_find(head, "Sec-WebSocket-Extensions", &value) == 0
               ? NULL
               : "the server has chosen an extension that nobody offered";
}
