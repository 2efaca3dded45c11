/*
 * address.c - addresses: their text, and what they are for the system.
 *
 * A text that does not parse is never repeated in a fault: what somebody took for an address may hold a password or a capability.
 */
#define _POSIX_C_SOURCE 200809L

#include "net.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

static bool refuse(struct pyn_fault *fault, const char *why)
{
    if (fault != NULL) {
        (void)snprintf(fault->text, sizeof(fault->text), "not an address: %s", why);
    }
    return false;
}

/* ---- parsing ---- */

static bool take_prefix(struct pyn_view *text, const char *prefix)
{
    size_t len = strlen(prefix);

    if (text->len < len || memcmp(text->data, prefix, len) != 0) {
        return false;
    }
    text->data += len;
    text->len -= len;
    return true;
}

/* Decimal, without sign or leading zeros, at most max. */
static bool parse_number(struct pyn_view text, uint32_t max, uint32_t *out)
{
    uint64_t number = 0;

    if (text.len == 0 || text.len > 10 || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = (uint32_t)number;
    return number <= max;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void copy_lower(struct pyn_view text, char *out)
{
    for (size_t i = 0; i < text.len; i++) {
        out[i] = lower((char)text.data[i]);
    }
    out[text.len] = '\0';
}

/* Mapped IPv4 becomes plain IPv4, so that one host has one spelling and one rule. */
static bool spell_ipv6(struct pyn_address *address)
{
    struct in6_addr ip;

    if (inet_pton(AF_INET6, address->host, &ip) != 1) {
        return false;
    }
    if (IN6_IS_ADDR_V4MAPPED(&ip)) {
        return inet_ntop(AF_INET, &ip.s6_addr[12], address->host, sizeof(address->host)) != NULL;
    }
    return inet_ntop(AF_INET6, &ip, address->host, sizeof(address->host)) != NULL;
}

/* Decimal, octal or hexadecimal, with a dot behind it or without. */
static bool is_numeric(const char *label)
{
    bool is_hex = label[0] == '0' && label[1] == 'x';

    for (label += is_hex ? 2 : 0; *label != '\0' && *label != '.'; label++) {
        if (!is_digit(*label) && !(is_hex && *label >= 'a' && *label <= 'f')) {
            return false;
        }
    }
    return true;
}

/* The resolver takes "127.1", "0x7f.1" and "017700000001" for IPv4: where the last label is a number, all has to be four plain ones. */
static bool is_host(const char *host)
{
    struct in_addr ip;
    const char *label = host;
    size_t label_len = 0;

    for (const char *c = host; *c != '\0'; c++) {
        if (!is_name_char(*c) || (*c == '.' && label_len == 0) || (*c == '-' && c == host)) {
            return false;
        }
        label_len = *c == '.' ? 0 : label_len + 1;
        if (label_len > 63) {
            return false;
        }
        if (*c == '.' && c[1] != '\0') {
            label = c + 1;
        }
    }
    return !is_numeric(label) || inet_pton(AF_INET, host, &ip) == 1;
}

static bool parse_host_and_port(struct pyn_view text, struct pyn_address *out, struct pyn_fault *fault)
{
    bool is_bracketed = text.len > 0 && text.data[0] == '[';
    struct pyn_view host = {text.data, text.len};
    struct pyn_view port = {NULL, 0};
    uint32_t number = 0;

    if (text.len > 0 && memchr(text.data, '@', text.len) != NULL) {
        return refuse(fault, "user info does not belong into host:port");
    }
    while (host.len > 0 && host.data[host.len - 1] != ':') {
        host.len--;
    }
    if (host.len == 0) {
        return refuse(fault, "no port in host:port");
    }
    port = (struct pyn_view){host.data + host.len, text.len - host.len};
    host.len--;
    if (is_bracketed) {
        if (host.len < 2 || host.data[host.len - 1] != ']') {
            return refuse(fault, "no ']' ahead of the port in [host]:port");
        }
        host = (struct pyn_view){host.data + 1, host.len - 2};
    }
    if (!parse_number(port, UINT16_MAX, &number)) {
        return refuse(fault, "the port in host:port is not a plain number from 0 to 65535");
    }
    if (host.len == 0) {
        return refuse(fault, "no host in host:port");
    }
    if (host.len >= sizeof(out->host)) {
        return refuse(fault, "the host in host:port is longer than 255 bytes");
    }
    copy_lower(host, out->host);
    if (is_bracketed ? !spell_ipv6(out) : !is_host(out->host)) {
        return refuse(fault, is_bracketed ? "what stands in [ ] is not an IPv6 address"
                                          : "the host in host:port is neither a name nor an IPv4 address "
                                            "(an IPv6 address stands in [ ])");
    }
    out->port = (uint16_t)number;
    return true;
}

static bool parse_tcp(struct pyn_view text, struct pyn_address *out, struct pyn_fault *fault)
{
    out->scheme = PYN_SCHEME_TCP;
    return parse_host_and_port(text, out, fault);
}

/* base64url without padding, of which one spelling only decodes. 0: it is none, or decodes to more than max bytes. */
static size_t decode_base64(struct pyn_view text, uint8_t *out, size_t max)
{
    size_t len = 0;

    if (text.len == 0 || sodium_base642bin(out, max, (const char *)text.data, text.len, NULL, &len, NULL,
                                           sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
        return 0;
    }
    return len;
}

/* A capability is 32 bytes, or a key, a signature and a name behind each other. */
static bool is_capability_len(size_t len)
{
    return len == 32 || len > 32 + 64;
}

/* What stands ahead of @, if there is one. */
static bool take_key(struct pyn_view *text, struct pyn_address *out, struct pyn_fault *fault)
{
    const uint8_t *at = text->len > 0 ? memchr(text->data, '@', text->len) : NULL;
    struct pyn_view key = {text->data, 0};

    if (at == NULL) {
        return true;
    }
    key.len = (size_t)(at - text->data);
    out->has_key = decode_base64(key, out->key, sizeof(out->key)) == sizeof(out->key);
    if (!out->has_key) {
        return refuse(fault, "what stands ahead of @ in pynto://key@host:port/capability is not the key of a server");
    }
    *text = (struct pyn_view){at + 1, text->len - key.len - 1};
    return true;
}

/* What stands behind the first sign of this kind, if there is one. */
static bool take_capability(struct pyn_view *text, char sign, struct pyn_address *out, struct pyn_fault *fault)
{
    const uint8_t *at = text->len > 0 ? memchr(text->data, sign, text->len) : NULL;
    struct pyn_view capability = {0};

    if (at == NULL) {
        return true;
    }
    capability = (struct pyn_view){at + 1, text->len - (size_t)(at - text->data) - 1};
    out->capability_len = decode_base64(capability, out->capability, sizeof(out->capability));
    if (!is_capability_len(out->capability_len)) {
        return refuse(fault,
                      sign == '/'
                          ? "what stands behind the slash in pynto://key@host:port/capability is not a capability"
                          : "what stands behind # in pynto+ws://key@host:port/path#capability is not a capability");
    }
    text->len -= capability.len + 1;
    return true;
}

static bool parse_pynto(struct pyn_view text, struct pyn_address *out, struct pyn_fault *fault)
{
    out->scheme = PYN_SCHEME_PYNTO;
    return take_key(&text, out, fault) && take_capability(&text, '/', out, fault) &&
           parse_host_and_port(text, out, fault);
}

/* "/", or parts that each begin with a slash and are neither empty nor of dots alone. No percent signs: every path has one spelling only. */
static bool is_web_path(struct pyn_view path)
{
    bool is_named = path.len == 1; /* this part, by something that is no dot */

    for (size_t i = 1; i < path.len; i++) {
        char c = lower((char)path.data[i]);
        if (c == '/' ? !is_named : !is_name_char(c) && c != '~') {
            return false;
        }
        is_named = c != '/' && (is_named || c != '.');
    }
    return is_named;
}

static bool parse_ws(struct pyn_view text, struct pyn_address *out, struct pyn_fault *fault)
{
    const uint8_t *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    struct pyn_view path = pyn_view_of("/");

    if (slash != NULL) {
        path = (struct pyn_view){slash, text.len - (size_t)(slash - text.data)};
        text.len -= path.len;
    }
    if (memchr(path.data, '?', path.len) != NULL) {
        return refuse(fault, "a query in ws://host:port/path: whatever is secret does not belong into an address");
    }
    if (path.len >= sizeof(out->path) || !is_web_path(path)) {
        return refuse(fault,
                      "the path in ws://host:port/path is longer than 107 bytes, or not of letters, digits and -._~ "
                      "between slashes");
    }
    if (!parse_host_and_port(text, out, fault)) {
        return false;
    }
    memcpy(out->path, path.data, path.len);
    out->path[path.len] = '\0';
    out->scheme = PYN_SCHEME_WS;
    return true;
}

/* The capability stands where a browser would keep it to itself. */
static bool parse_pynto_ws(struct pyn_view text, struct pyn_address *out, struct pyn_fault *fault)
{
    if (!take_capability(&text, '#', out, fault) || !take_key(&text, out, fault) || !parse_ws(text, out, fault)) {
        return false;
    }
    out->scheme = PYN_SCHEME_PYNTO_WS;
    return true;
}

static bool parse_unix(struct pyn_view text, struct pyn_address *out, struct pyn_fault *fault)
{
    if (text.len == 0 || text.data[0] != '/') {
        return refuse(fault, "the path in unix:///path is not absolute");
    }
    if (text.data[text.len - 1] == '/') {
        return refuse(fault, "the path in unix:///path names a directory");
    }
    if (text.len >= sizeof(out->path)) {
        return refuse(fault, "the path in unix:///path is longer than 107 bytes");
    }
    if (memchr(text.data, '?', text.len) != NULL || memchr(text.data, '#', text.len) != NULL) {
        return refuse(fault, "'?' or '#' in unix:///path");
    }
    memcpy(out->path, text.data, text.len);
    out->path[text.len] = '\0';
    out->scheme = PYN_SCHEME_UNIX;
    return true;
}

static bool parse_fd(struct pyn_view text, struct pyn_address *out, struct pyn_fault *fault)
{
    uint32_t number = 0;

    if (!parse_number(text, INT_MAX, &number)) {
        return refuse(fault, "no plain number behind fd://");
    }
    out->fd = (int)number;
    out->scheme = PYN_SCHEME_FD;
    return true;
}

bool pyn_address_parse(struct pyn_view text, struct pyn_address *out, struct pyn_fault *fault)
{
    struct pyn_address address = {.fd = -1};
    bool is_good = false;

    *out = address;
    if (text.len > PYN_ADDRESS_MAX) {
        return refuse(fault, "it is longer than 512 bytes");
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return refuse(fault, "it holds a control character");
        }
    }
    if (take_prefix(&text, "tcp://")) {
        is_good = parse_tcp(text, &address, fault);
    } else if (take_prefix(&text, "ws://")) {
        is_good = parse_ws(text, &address, fault);
    } else if (take_prefix(&text, "pynto://")) {
        is_good = parse_pynto(text, &address, fault);
    } else if (take_prefix(&text, "pynto+ws://")) {
        is_good = parse_pynto_ws(text, &address, fault);
    } else if (take_prefix(&text, "unix://")) {
        is_good = parse_unix(text, &address, fault);
    } else if (take_prefix(&text, "fd://")) {
        is_good = parse_fd(text, &address, fault);
    } else {
        is_good = refuse(fault,
                         "it begins neither with tcp:// nor ws:// nor pynto:// nor pynto+ws:// nor unix:// nor fd://");
    }
    if (is_good) {
        *out = address;
    }
    return is_good;
}

bool pyn_address_is_sealed(const struct pyn_address *address)
{
    return address->scheme == PYN_SCHEME_PYNTO || address->scheme == PYN_SCHEME_PYNTO_WS;
}

/* ---- text ---- */

static void spell_pynto(const struct pyn_address *address, char *text, size_t room)
{
    char key[64] = "";
    const bool is_ws = address->scheme == PYN_SCHEME_PYNTO_WS;
    const bool is_ipv6 = strchr(address->host, ':') != NULL;

    if (address->has_key) {
        (void)sodium_bin2base64(key, sizeof(key), address->key, sizeof(address->key),
                                sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    }
    (void)snprintf(text, room, "%s://%s%s%s%s%s:%u%s", is_ws ? "pynto+ws" : "pynto", key, address->has_key ? "@" : "",
                   is_ipv6 ? "[" : "", address->host, is_ipv6 ? "]" : "", (unsigned)address->port,
                   is_ws ? address->path : "");
}

void pyn_address_text(const struct pyn_address *address, char *text, size_t room)
{
    if (room == 0) {
        return;
    }
    text[0] = '\0';
    switch (address->scheme) {
    case PYN_SCHEME_TCP:
        (void)snprintf(text, room, strchr(address->host, ':') != NULL ? "tcp://[%s]:%u" : "tcp://%s:%u", address->host,
                       (unsigned)address->port);
        break;
    case PYN_SCHEME_WS:
        (void)snprintf(text, room, strchr(address->host, ':') != NULL ? "ws://[%s]:%u%s" : "ws://%s:%u%s",
                       address->host, (unsigned)address->port, address->path);
        break;
    case PYN_SCHEME_PYNTO:
    case PYN_SCHEME_PYNTO_WS:
        spell_pynto(address, text, room);
        break;
    case PYN_SCHEME_UNIX:
        (void)snprintf(text, room, "unix://%s", address->path);
        break;
    case PYN_SCHEME_FD:
        (void)snprintf(text, room, "fd://%d", address->fd);
        break;
    case PYN_SCHEME_NONE:
        break;
    }
}

/* A path may hold any byte from 0x80 on; a fault holds printable ASCII. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            *text = '?';
        }
    }
}

bool pyn_net_fail(struct pyn_fault *fault, const char *tried, const struct pyn_address *address, const char *why,
                  int error)
{
    char where[PYN_ADDRESS_MAX];
    char meaning[96] = "";

    if (fault == NULL) {
        return false;
    }
    pyn_address_text(address, where, sizeof(where));
    if (error != 0 && strerror_r(error, meaning, sizeof(meaning)) != 0) {
        (void)snprintf(meaning, sizeof(meaning), "error %d", error);
    }
    (void)snprintf(fault->text, sizeof(fault->text), "cannot %s %.300s: %.100s%s%s", tried, where, why,
                   error == 0 || why[0] == '\0' ? "" : ": ", meaning);
    make_printable(fault->text);
    return false;
}

/* ---- for the system ---- */

void pyn_source_of(int fd, uint8_t source[PYN_SOURCE_LEN])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct sockaddr_storage from = {0};
    struct sockaddr_in6 in6;
    struct sockaddr_in in;
    socklen_t len = sizeof(from);

    memset(source, 0, PYN_SOURCE_LEN);
    if (getpeername(fd, (struct sockaddr *)&from, &len) != 0) {
        return;
    }
    if (from.ss_family == AF_INET) {
        memcpy(&in, &from, sizeof(in));
        memcpy(source, mapped, sizeof(mapped));
        memcpy(source + sizeof(mapped), &in.sin_addr, sizeof(in.sin_addr));
    } else if (from.ss_family == AF_INET6) {
        memcpy(&in6, &from, sizeof(in6));
        memcpy(source, in6.sin6_addr.s6_addr, IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) ? 16 : 8);
    }
}

/* sa may stand unaligned for its real type, so it is copied. */
static struct sockaddr_in as_ipv4(const struct sockaddr *sa)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (sa->sa_family == AF_INET) {
        memcpy(&in, sa, sizeof(in));
        return in;
    }
    in = (struct sockaddr_in){.sin_family = AF_UNSPEC};
    if (sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof(in6));
        if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
            in.sin_family = AF_INET;
            in.sin_port = in6.sin6_port;
            memcpy(&in.sin_addr, &in6.sin6_addr.s6_addr[12], sizeof(in.sin_addr));
        }
    }
    return in;
}

bool pyn_net_is_loopback(const struct sockaddr *sa)
{
    struct sockaddr_in in = as_ipv4(sa);
    struct sockaddr_in6 in6;

    if (in.sin_family == AF_INET) {
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    if (sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof(in6));
        return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
    }
    return sa->sa_family == AF_UNIX;
}

uint16_t pyn_net_port(const struct sockaddr *sa)
{
    struct sockaddr_in6 in6;

    if (sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof(in6));
        return ntohs(in6.sin6_port);
    }
    return sa->sa_family == AF_INET ? ntohs(as_ipv4(sa).sin_port) : 0;
}

void pyn_net_text(const struct sockaddr *sa, char *text, size_t room)
{
    char host[INET6_ADDRSTRLEN] = "?";
    struct sockaddr_in in = as_ipv4(sa);
    struct sockaddr_in6 in6;

    if (in.sin_family == AF_INET) {
        (void)inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
        (void)snprintf(text, room, "%s:%u", host, (unsigned)ntohs(in.sin_port));
    } else if (sa->sa_family == AF_INET6) {
        memcpy(&in6, sa, sizeof(in6));
        (void)inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
        (void)snprintf(text, room, "[%s]:%u", host, (unsigned)ntohs(in6.sin6_port));
    } else {
        (void)snprintf(text, room, "%s", sa->sa_family == AF_UNIX ? "unix" : "unknown");
    }
}

bool pyn_net_resolve(const struct pyn_address *address, bool is_open_allowed, const char *tried, struct addrinfo **out,
                     struct pyn_fault *fault)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[8];
    int result = EAI_AGAIN;

    *out = NULL;
    (void)snprintf(port, sizeof(port), "%u", (unsigned)address->port);
    result = getaddrinfo(address->host, port, &hints, out);
    if (result != 0) {
        *out = NULL;
        return pyn_net_fail(fault, tried, address, gai_strerror(result), 0);
    }
    for (const struct addrinfo *at = *out; at != NULL && !is_open_allowed; at = at->ai_next) {
        if (!pyn_net_is_loopback(at->ai_addr)) {
            freeaddrinfo(*out);
            *out = NULL;
            return pyn_net_fail(fault, tried, address, "plain text beyond loopback has to be asked for", 0);
        }
    }
    return true;
}

bool pyn_address_is_local(const struct pyn_address *address)
{
    struct addrinfo *found = NULL;
    bool is_local = pyn_net_resolve(address, false, "resolve", &found, NULL);

    if (is_local) {
        freeaddrinfo(found);
    }
    return is_local;
}
