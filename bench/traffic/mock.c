/* A model server for benchmarks. Prints its port, then answers every request on kept-alive connections: at once, or, where
   the request asks for a stream, a piece every GAP_NS. One thread, epoll, answers made beforehand. It ends with its parent. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECES = 20, EVENTS = PIECES + 3, ROOM = 65536, BATCH = 256 };
static const long GAP_NS = 5000000;

struct connection {
    int fd, event;                /* event: the next of a stream to send */
    long due;                     /* when, in ns */
    struct connection *next;      /* in the queue of streams: all gaps are alike, so it stays sorted */
    size_t have;
    char in[ROOM + 1];
};
static struct connection *first, *last;
static char whole[2048], event[EVENTS][512];
static int whole_len, event_len[EVENTS];

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void chunk(int n, const char *prefix, const char *data, const char *suffix) {
    char line[400];
    int length = snprintf(line, sizeof line, "data: %s\n\n", data);
    event_len[n] = snprintf(event[n], sizeof event[n], "%s%x\r\n%s\r\n%s", prefix, length, line, suffix);
}

static void prepare(void) {
    static const char *body =
        "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1790000000,\"model\":\"bench\",\"choices\":"
        "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ANSWER-399. A visit costs 399 rupees and takes about an "
        "hour. Spare parts come on top and are shown before anything is repaired. We work from Monday to Saturday, nine to "
        "seven, and closed on Sundays. Would you like to book a visit for tomorrow?\"},\"logprobs\":null,"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":58,\"completion_tokens\":62,\"total_tokens\":120}}";
    whole_len = snprintf(whole, sizeof whole,
                         "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                         strlen(body), body);
    static const char *format =
        "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"bench\",\"choices\":"
        "[{\"index\":0,\"delta\":{%s},\"finish_reason\":%s}]}";
    char data[400];
    for (int n = 0; n <= PIECES; n++) {
        snprintf(data, sizeof data, format, n == PIECES ? "" : "\"role\":\"assistant\",\"content\":\"PIECE-399 \"",
                 n == PIECES ? "\"stop\"" : "null");
        chunk(n, n ? "" : "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n", data, "");
    }
    chunk(PIECES + 1, "",
          "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"bench\","
          "\"choices\":[],\"usage\":{\"prompt_tokens\":58,\"completion_tokens\":20,\"total_tokens\":78}}", "");
    chunk(PIECES + 2, "", "[DONE]", "0\r\n\r\n");
}

static void hang_up(struct connection *c) {
    close(c->fd);
    c->fd = -1;
    if (c->event < 0) free(c); /* one that streams is freed when its turn comes */
}

/* The length of a complete request at the start of the buffer, 0 while it is not there. */
static size_t request_length(struct connection *c) {
    c->in[c->have] = 0;
    char *end = strstr(c->in, "\r\n\r\n");
    if (!end) return 0;
    size_t head = end + 4 - c->in;
    *end = 0;
    char *length = strcasestr(c->in, "\r\ncontent-length:");
    int chunked = strcasestr(c->in, "\r\ntransfer-encoding:") != NULL;
    size_t total = head + (length ? strtoul(length + 17, NULL, 10) : 0);
    *end = '\r';
    if (chunked) {
        char *close = strstr(end + 2, "\r\n0\r\n\r\n");
        return close ? close + 7 - c->in : 0;
    }
    return c->have >= total ? total : 0;
}

static void send_event(struct connection *c) {
    int n = c->event++;
    if (c->fd >= 0 && write(c->fd, event[n], event_len[n]) != event_len[n]) {
        close(c->fd);
        c->fd = -1;
    }
}

static void wait_turn(struct connection *c, long due) {
    c->due = due;
    c->next = NULL;
    if (last) last->next = c; else first = c;
    last = c;
}

static void on_readable(struct connection *c) {
    ssize_t got = read(c->fd, c->in + c->have, ROOM - c->have);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN) return;
        hang_up(c);
        return;
    }
    c->have += got;
    size_t length = request_length(c);
    if (!length) return;
    int streams = strstr(c->in, "\"stream\":true") || strstr(c->in, "\"stream\": true");
    memmove(c->in, c->in + length, c->have -= length);
    if (streams) {
        c->event = 0;
        send_event(c);
        wait_turn(c, now() + GAP_NS);
    } else if (write(c->fd, whole, whole_len) != whole_len) {
        hang_up(c);
    }
}

/* Send what is due; the ends (finish, usage, [DONE]) follow the last piece without a gap. Nanoseconds until the next. */
static long send_due(void) {
    for (long t = now(); first && first->due <= t;) {
        struct connection *c = first;
        if (!(first = c->next)) last = NULL;
        do send_event(c);
        while (c->event >= PIECES && c->event < EVENTS);
        if (c->fd < 0) free(c);
        else if (c->event == EVENTS) c->event = -1;
        else wait_turn(c, c->due + GAP_NS);
    }
    if (!first) return 1000000000L;
    long wait = first->due - now();
    return wait > 0 ? wait : 0;
}

int main(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    prepare();
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0), one = 1;
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) return perror("mock"), 1;
    getsockname(listener, (struct sockaddr *)&at, &size);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    struct epoll_event e = {.events = EPOLLIN}, found[BATCH];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        long ns = send_due();
        struct timespec wait = {ns / 1000000000L, ns % 1000000000L};
        int many = epoll_pwait2(poll, found, BATCH, &wait, NULL);
        for (int n = 0; n < many; n++) {
            if (found[n].data.ptr) {
                on_readable(found[n].data.ptr);
                continue;
            }
            for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                struct connection *c = calloc(1, sizeof *c);
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                c->fd = fd;
                c->event = -1;
                struct epoll_event new = {.events = EPOLLIN, .data.ptr = c};
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &new);
            }
        }
    }
}
