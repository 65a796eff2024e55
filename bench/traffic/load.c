/* Load for benchmarks: sends prepared requests to 127.0.0.1 over kept-alive connections, checks each answer, prints JSON.

     load PORT FILE CONNECTIONS SECONDS COUNT RATE MARK TIMES

   FILE holds requests, each as its length in decimal, a newline, and its bytes; they are sent in turn. It stops starting
   requests after SECONDS or COUNT (0: no such end) and waits for those under way, DRAIN_NS at most. RATE 0 keeps all
   connections busy; otherwise so many requests a second are due, and latency counts from when one was due. An answer is
   good when its status is 200 and MARK stands in its body exactly TIMES times. */
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

enum { ROOM = 262144, MOST_ERRORS = 10000, BATCH = 256 };
static const long DRAIN_NS = 60000000000L;

struct connection {
    int fd, busy, status, chunked, closes;
    long since, first;
    size_t have, head, body, walk, length; /* bytes read; of the head; of the decoded body; of chunks walked over; announced */
    char in[ROOM + 1];
};
struct request { char *bytes; size_t length; };

static struct request *requests;
static size_t many_requests, next_request;
static struct connection *all, **idle;
static int many_idle, poll_fd, port;
static const char *mark;
static int mark_times;
static long good, bad_status, bad_body, broken, started, answered_at;
static int last_bad;
static float *took, *first_byte;
static size_t room_for;

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void read_requests(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) { perror(path); exit(1); }
    for (size_t length; fscanf(file, "%zu", &length) == 1; many_requests++) {
        fgetc(file);
        requests = realloc(requests, (many_requests + 1) * sizeof *requests);
        requests[many_requests] = (struct request){malloc(length), length};
        if (fread(requests[many_requests].bytes, 1, length, file) != length) exit(1);
    }
    fclose(file);
}

static void hang_up(struct connection *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

static int connected(struct connection *c) {
    if (c->fd >= 0) return 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) { hang_up(c); return 0; }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &e);
    return 1;
}

/* Send the next request on a connection that is free; `since` is when it was due. */
static void start(long since) {
    struct connection *c = idle[--many_idle];
    struct request *r = &requests[next_request++ % many_requests];
    c->have = c->head = c->body = c->walk = c->length = 0;
    c->first = 0;
    c->chunked = c->closes = 0;
    c->since = since;
    c->busy = 1;
    started++;
    if (!connected(c) || write(c->fd, r->bytes, r->length) != (ssize_t)r->length) {
        broken++;
        c->busy = 0;
        hang_up(c);
        idle[many_idle++] = c;
    }
}

static void read_head(struct connection *c) {
    char *end = strstr(c->in, "\r\n\r\n");
    if (!end) return;
    c->head = c->walk = end + 4 - c->in;
    *end = 0;
    c->status = atoi(c->in + 9);
    char *length = strcasestr(c->in, "\r\ncontent-length:");
    c->length = length ? strtoul(length + 17, NULL, 10) : 0;
    c->chunked = strcasestr(c->in, "\r\ntransfer-encoding: chunked") != NULL;
    c->closes = strcasestr(c->in, "\r\nconnection: close") != NULL;
}

/* Bring what came together to a body right behind the head. Returns whether all of it is there. */
static int complete(struct connection *c) {
    if (!c->chunked) {
        c->body = c->have - c->head;
        return c->body >= c->length;
    }
    for (;;) {
        char *at = c->in + c->walk, *line = memmem(at, c->have - c->walk, "\r\n", 2);
        if (!line) return 0;
        size_t size = strtoul(at, NULL, 16), data = line + 2 - c->in;
        if (c->have < data + size + 2) return 0;
        if (!size) return 1;
        memmove(c->in + c->head + c->body, c->in + data, size);
        c->body += size;
        c->walk = data + size + 2;
    }
}

static int times_marked(struct connection *c) {
    int times = 0;
    size_t length = strlen(mark);
    char *at = c->in + c->head, *end = at + c->body;
    while ((at = memmem(at, end - at, mark, length))) at += length, times++;
    return times;
}

static void note(struct connection *c, long t) {
    if ((size_t)good == room_for) {
        room_for = room_for ? room_for * 2 : 65536;
        took = realloc(took, room_for * sizeof *took);
        first_byte = realloc(first_byte, room_for * sizeof *first_byte);
    }
    took[good] = (t - c->since) / 1e6;
    first_byte[good++] = (c->first - c->since) / 1e6;
    answered_at = t;
}

static void finish(struct connection *c, int is_broken) {
    if (is_broken) broken++;
    else if (c->status != 200) bad_status++, last_bad = c->status;
    else if (times_marked(c) != mark_times) bad_body++;
    else note(c, now());
    if (is_broken || c->closes) hang_up(c);
    c->busy = 0;
    idle[many_idle++] = c;
}

static void on_readable(struct connection *c) {
    ssize_t got = read(c->fd, c->in + c->have, ROOM - c->have);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        if (c->busy) finish(c, 1);
        else hang_up(c);
        return;
    }
    c->have += got;
    c->in[c->have] = 0;
    if (!c->head) read_head(c);
    if (!c->head) return;
    if (!c->first && c->have > c->head) c->first = now();
    if (complete(c)) finish(c, 0);
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double at_share(float *times, double share) { return good ? times[(size_t)((good - 1) * share)] : 0; }

static void report(long began) {
    qsort(took, good, sizeof *took, by_size);
    qsort(first_byte, good, sizeof *first_byte, by_size);
    printf("{\"good\":%ld,\"bad_status\":%ld,\"last_bad\":%d,\"bad_body\":%ld,\"broken\":%ld,\"unanswered\":%ld,\"seconds\":%.4f,"
           "\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"first_p50_ms\":%.4f,\"first_p99_ms\":%.4f}\n",
           good, bad_status, last_bad, bad_body, broken, started - good - bad_status - bad_body - broken,
           good ? (answered_at - began) / 1e9 : 0, at_share(took, .5), at_share(took, .99), at_share(first_byte, .5),
           at_share(first_byte, .99));
}

int main(int argc, char **argv) {
    if (argc != 9) return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    port = atoi(argv[1]);
    read_requests(argv[2]);
    int connections = atoi(argv[3]);
    double seconds = atof(argv[4]), rate = atof(argv[6]);
    long count = atol(argv[5]);
    mark = argv[7];
    mark_times = atoi(argv[8]);
    poll_fd = epoll_create1(0);
    all = calloc(connections, sizeof *all);
    idle = calloc(connections, sizeof *idle);
    for (int n = 0; n < connections; n++) all[n].fd = -1, idle[many_idle++] = &all[n];
    long began = now(), ends = seconds ? began + (long)(seconds * 1e9) : began + 3600000000000L;
    long gap = rate ? (long)(1e9 / rate) : 0, due = began;
    for (;;) {
        long t = now();
        int more = t < ends && (!count || started < count) && bad_status + bad_body + broken < MOST_ERRORS;
        if (!gap) while (more && many_idle && (!count || started < count)) start(now());
        else for (; more && many_idle && due <= t && due < ends; due += gap) start(due);
        if (!more && (many_idle == connections || t > ends + DRAIN_NS)) break;
        long ns = gap && more && many_idle ? due - now() : 100000000L;
        struct timespec wait = {0, ns < 0 ? 0 : ns > 100000000L ? 100000000L : ns};
        struct epoll_event found[BATCH];
        int many = epoll_pwait2(poll_fd, found, BATCH, &wait, NULL);
        for (int n = 0; n < many; n++) on_readable(found[n].data.ptr);
    }
    report(began);
    return 0;
}
