/* A PKCS#11 library for tests: it passes all calls on to a real one and adds what free tokens do not show.
 *
 * HYOK_TEST_MODULE names the real library, HYOK_TEST_CONTROL a file of 64-bit numbers that both sides map into memory,
 * so that a test changes a behaviour while calls run and reads how often each function was called. The places are those
 * of `vendor_module.py`.
 *
 * With `gcm_over_ecb` it makes AES-GCM out of the real token's AES-ECB, for a token that has no AES-GCM. */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

typedef unsigned long ck_ulong;
typedef unsigned char ck_byte;
typedef struct { ck_ulong type; void *value; ck_ulong length; } ck_attribute;
typedef struct { ck_ulong mechanism; void *parameter; ck_ulong length; } ck_mechanism;
typedef struct { ck_byte *iv; ck_ulong iv_length, iv_bits; ck_byte *aad; ck_ulong aad_length, tag_bits; } ck_gcm;
typedef struct { ck_byte *iv; ck_ulong iv_length; ck_byte *aad; ck_ulong aad_length, tag_bits; } ck_gcm_without_bits;
typedef struct { ck_byte major, minor; void *functions[68]; } ck_function_list;

enum { OK = 0, GENERAL_ERROR = 5, ENCRYPTED_DATA_INVALID = 0x40, KEY_NOT_PERMITTED = 0x68, MECHANISM_PARAM_INVALID = 0x71,
       SESSION_HANDLE_INVALID = 0xb3, SESSION_PARALLEL_NOT_SUPPORTED = 0xb4, BUFFER_TOO_SMALL = 0x150 };
enum { CKM_AES_ECB = 0x1081, CKM_AES_GCM = 0x1087, CKA_DECRYPT = 0x105, CKF_RW_SESSION = 2 };
enum { INITIALIZE = 0, FINALIZE = 1, GET_FUNCTION_LIST = 3, GET_TOKEN_INFO = 6, GET_MECHANISM_INFO = 8, OPEN_SESSION = 12,
       CLOSE_SESSION = 13, LOGIN = 18, GET_ATTRIBUTE_VALUE = 24, SET_ATTRIBUTE_VALUE = 25, FIND_OBJECTS_INIT = 26,
       ENCRYPT_INIT = 29, ENCRYPT = 30, DECRYPT_INIT = 33, DECRYPT = 34, GENERATE_KEY = 58, GENERATE_RANDOM = 64 };
enum { SETTING_ENCRYPT_DELAY_US, SETTING_DECRYPT_DELAY_US, SETTING_RANDOM_DELAY_US, SETTING_IV_MODE, SETTING_IV_BYTES,
       SETTING_HANG, SETTING_WRONG_TAG_CODE, SETTING_FAIL_CODE, SETTING_FAIL_FUNCTION, SETTING_WITHOUT_IV_BITS,
       SETTING_READ_WRITE_ONLY, SETTING_GCM_OVER_ECB, SETTING_IGNORE_AAD, SETTING_TOKEN_FLAGS, SETTING_FROZEN_ATTRIBUTES,
       SETTING_LOGIN_DELAY_US, SETTING_HANG_ONLY_SO_FAR };
enum { IV_AS_PASSED, IV_WRITTEN_BACK, IV_APPENDED, IV_REPEATED, IV_REPLACED_AND_APPENDED };
#define COUNTS 128
#define MAX_SESSIONS 512
#define MAX_INPUT 70000

typedef struct {
    ck_ulong key;
    int appends;
    ck_byte iv[16], *written_to;
    ck_ulong iv_length, aad_length;
    ck_byte aad[MAX_INPUT];
} operation;

static ck_function_list *real, list;
static volatile uint64_t *control;
static operation operations[MAX_SESSIONS];
static ck_ulong sessions[MAX_SESSIONS]; /* whose operation it is; 0 for nobody's */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define SET(place) (control[SETTING_##place])
#define REAL(place, ...) ((ck_ulong(*)(__VA_ARGS__))real->functions[place])
typedef ck_ulong (*init_function)(ck_ulong, ck_mechanism *, ck_ulong);
typedef ck_ulong (*crypt_function)(ck_ulong, ck_byte *, ck_ulong, ck_byte *, ck_ulong *);

static void wait_us(uint64_t microseconds) { if (microseconds) usleep((useconds_t)microseconds); }

/* Count the call, hang while told to, and fail if told to. */
static ck_ulong begin(int place) {
    __atomic_fetch_add(&control[COUNTS + place], 1, __ATOMIC_RELAXED);
    if (!SET(HANG_ONLY_SO_FAR)) while (SET(HANG) && (place == ENCRYPT || place == DECRYPT)) usleep(1000);
    if (SET(FAIL_CODE) && (SET(FAIL_FUNCTION) == (uint64_t)place || SET(FAIL_FUNCTION) == 0)) return SET(FAIL_CODE);
    return OK;
}

static operation *operation_of(ck_ulong session) {
    operation *found = NULL;
    pthread_mutex_lock(&lock);
    int at = 0;
    while (at < MAX_SESSIONS && sessions[at] != session) at++;
    if (at == MAX_SESSIONS) for (at = 0; at < MAX_SESSIONS && sessions[at]; at++) {}
    if (at < MAX_SESSIONS) { sessions[at] = session; found = &operations[at]; }
    pthread_mutex_unlock(&lock);
    return found;
}

static void forget(ck_ulong session, int all) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MAX_SESSIONS; i++) if (all || sessions[i] == session) sessions[i] = 0;
    pthread_mutex_unlock(&lock);
}

/* Read CK_GCM_PARAMS in the layout that this token is set to. */
static ck_ulong read_parameters(const ck_mechanism *mechanism, ck_gcm *gcm) {
    if (SET(WITHOUT_IV_BITS)) {
        if (mechanism->length != sizeof(ck_gcm_without_bits)) return MECHANISM_PARAM_INVALID;
        ck_gcm_without_bits *given = mechanism->parameter;
        *gcm = (ck_gcm){given->iv, given->iv_length, 0, given->aad, given->aad_length, given->tag_bits};
    } else {
        if (mechanism->length != sizeof(ck_gcm)) return MECHANISM_PARAM_INVALID;
        *gcm = *(ck_gcm *)mechanism->parameter;
    }
    if (gcm->tag_bits != 128 || gcm->aad_length > MAX_INPUT) return MECHANISM_PARAM_INVALID;
    if (SET(IGNORE_AAD)) gcm->aad_length = 0;
    return OK;
}

static ck_ulong choose_iv(operation *now, const ck_gcm *given) {
    static const ck_byte zeros[16];
    now->appends = 0;
    now->written_to = NULL;
    now->iv_length = given->iv_length;
    if (SET(IV_MODE) == IV_AS_PASSED) {
        if (given->iv_length < 1 || given->iv_length > 16) return MECHANISM_PARAM_INVALID;
        memcpy(now->iv, given->iv, given->iv_length);
        return OK;
    }
    now->iv_length = SET(IV_BYTES);
    if (SET(IV_MODE) == IV_APPENDED || SET(IV_MODE) == IV_REPLACED_AND_APPENDED) {
        if (given->iv_length != (SET(IV_MODE) == IV_APPENDED ? 0 : now->iv_length)) return MECHANISM_PARAM_INVALID;
        now->appends = 1;
    } else {
        if (given->iv_length != now->iv_length || memcmp(given->iv, zeros, now->iv_length)) return MECHANISM_PARAM_INVALID;
        now->written_to = given->iv;
    }
    if (SET(IV_MODE) == IV_REPEATED) memset(now->iv, 7, now->iv_length);
    else if (getrandom(now->iv, now->iv_length, 0) < 0) return GENERAL_ERROR;
    return OK;
}

/* AES-GCM (NIST SP 800-38D) over the real token's AES-ECB. */
static void multiply(ck_byte x[16], const ck_byte h[16]) {
    ck_byte z[16] = {0}, v[16];
    memcpy(v, h, 16);
    for (int bit = 0; bit < 128; bit++) {
        if (x[bit / 8] >> (7 - bit % 8) & 1) for (int i = 0; i < 16; i++) z[i] ^= v[i];
        int carry = v[15] & 1;
        for (int i = 15; i > 0; i--) v[i] = (ck_byte)(v[i] >> 1 | v[i - 1] << 7);
        v[0] >>= 1;
        if (carry) v[0] ^= 0xe1;
    }
    memcpy(x, z, 16);
}

static void absorb(ck_byte y[16], const ck_byte h[16], const ck_byte *data, ck_ulong length) {
    for (ck_ulong at = 0; at < length; at += 16) {
        for (ck_ulong i = 0; i < 16 && at + i < length; i++) y[i] ^= data[at + i];
        multiply(y, h);
    }
}

static void absorb_lengths(ck_byte y[16], const ck_byte h[16], ck_ulong first, ck_ulong second) {
    ck_byte block[16];
    for (int i = 0; i < 8; i++) {
        block[7 - i] = (ck_byte)(first * 8 >> 8 * i);
        block[15 - i] = (ck_byte)(second * 8 >> 8 * i);
    }
    absorb(y, h, block, 16);
}

static ck_ulong encrypt_blocks(ck_ulong session, ck_ulong key, ck_byte *blocks, ck_ulong length) {
    ck_mechanism ecb = {CKM_AES_ECB, NULL, 0};
    ck_ulong size = length, code = ((init_function)real->functions[ENCRYPT_INIT])(session, &ecb, key);
    if (code) return code;
    return ((crypt_function)real->functions[ENCRYPT])(session, blocks, length, blocks, &size);
}

/* Turn `input` into `output` of the same length; `tag` is over the ciphertext, which is either of them. */
static ck_ulong gcm_over_ecb(ck_ulong session, const operation *now, const ck_byte *input, ck_ulong length, ck_byte *output, int decrypts,
                             ck_byte tag[16]) {
    ck_byte h[16] = {0}, counter[16] = {0}, y[16] = {0};
    ck_ulong blocks = (length + 15) / 16 + 1, code = encrypt_blocks(session, now->key, h, 16);
    if (code) return code;
    if (now->iv_length == 12) { memcpy(counter, now->iv, 12); counter[15] = 1; }
    else { absorb(counter, h, now->iv, now->iv_length); absorb_lengths(counter, h, 0, now->iv_length); }
    ck_byte *stream = malloc(blocks * 16);
    for (ck_ulong i = 0; i < blocks; i++) {
        memcpy(stream + i * 16, counter, 16);
        for (int at = 15; at > 11 && !++counter[at]; at--) {}
    }
    code = encrypt_blocks(session, now->key, stream, blocks * 16);
    if (!code) {
        absorb(y, h, now->aad, now->aad_length);
        if (decrypts) absorb(y, h, input, length);
        for (ck_ulong i = 0; i < length; i++) output[i] = input[i] ^ stream[16 + i];
        if (!decrypts) absorb(y, h, output, length);
        absorb_lengths(y, h, now->aad_length, length);
        for (int i = 0; i < 16; i++) tag[i] = y[i] ^ stream[i];
    }
    free(stream);
    return code;
}

static ck_ulong start(int place, ck_ulong session, ck_mechanism *mechanism, ck_ulong key) {
    ck_gcm gcm;
    operation *now = operation_of(session);
    ck_ulong code = begin(place);
    if (code || !now) return code ? code : GENERAL_ERROR;
    if (mechanism->mechanism != CKM_AES_GCM) return ((init_function)real->functions[place])(session, mechanism, key);
    if ((code = read_parameters(mechanism, &gcm))) return code;
    if (place == ENCRYPT_INIT) { if ((code = choose_iv(now, &gcm))) return code; }
    else {
        if (gcm.iv_length < 1 || gcm.iv_length > 16) return MECHANISM_PARAM_INVALID;
        now->iv_length = gcm.iv_length;
        memcpy(now->iv, gcm.iv, gcm.iv_length);
    }
    now->key = key;
    now->aad_length = gcm.aad_length;
    if (gcm.aad_length) memcpy(now->aad, gcm.aad, gcm.aad_length);
    if (SET(GCM_OVER_ECB)) {
        ck_byte allowed = 0;
        ck_attribute attribute = {place == ENCRYPT_INIT ? CKA_DECRYPT - 1 : CKA_DECRYPT, &allowed, 1};
        code = REAL(GET_ATTRIBUTE_VALUE, ck_ulong, ck_ulong, ck_attribute *, ck_ulong)(session, key, &attribute, 1);
        return code ? code : allowed ? OK : KEY_NOT_PERMITTED;
    }
    gcm.iv = now->iv;
    gcm.iv_length = now->iv_length;
    gcm.iv_bits = now->iv_length * 8;
    ck_mechanism passed = {CKM_AES_GCM, &gcm, sizeof gcm};
    return ((init_function)real->functions[place])(session, &passed, key);
}

static ck_ulong encrypt_init(ck_ulong session, ck_mechanism *mechanism, ck_ulong key) {
    return start(ENCRYPT_INIT, session, mechanism, key);
}

static ck_ulong decrypt_init(ck_ulong session, ck_mechanism *mechanism, ck_ulong key) {
    return start(DECRYPT_INIT, session, mechanism, key);
}

static ck_ulong encrypt(ck_ulong session, ck_byte *input, ck_ulong length, ck_byte *output, ck_ulong *size) {
    operation *now = operation_of(session);
    ck_ulong code = begin(ENCRYPT), room = *size, tail = 0;
    wait_us(SET(ENCRYPT_DELAY_US));
    if (code || !now) return code ? code : GENERAL_ERROR;
    if (now->appends) tail = now->iv_length;
    if (room < length + 16 + tail) return BUFFER_TOO_SMALL;
    if (SET(GCM_OVER_ECB)) {
        code = gcm_over_ecb(session, now, input, length, output, 0, output + length);
        *size = length + 16;
    } else code = ((crypt_function)real->functions[ENCRYPT])(session, input, length, output, size);
    if (code) return code;
    if (now->appends) { memcpy(output + *size, now->iv, tail); *size += tail; }
    if (now->written_to) memcpy(now->written_to, now->iv, now->iv_length);
    return OK;
}

static ck_ulong decrypt(ck_ulong session, ck_byte *input, ck_ulong length, ck_byte *output, ck_ulong *size) {
    operation *now = operation_of(session);
    ck_ulong code = begin(DECRYPT);
    ck_byte tag[16];
    wait_us(SET(DECRYPT_DELAY_US));
    if (code || !now) return code ? code : GENERAL_ERROR;
    if (SET(GCM_OVER_ECB)) {
        if (length < 16 || *size < length - 16) return length < 16 ? ENCRYPTED_DATA_INVALID : BUFFER_TOO_SMALL;
        *size = length - 16;
        code = gcm_over_ecb(session, now, input, length - 16, output, 1, tag);
        if (!code && memcmp(tag, input + length - 16, 16)) code = ENCRYPTED_DATA_INVALID;
    } else code = ((crypt_function)real->functions[DECRYPT])(session, input, length, output, size);
    if (code && SET(WRONG_TAG_CODE)) return SET(WRONG_TAG_CODE);
    return code;
}

static ck_ulong initialize(void *arguments) {
    ck_ulong code = begin(INITIALIZE);
    return code ? code : REAL(INITIALIZE, void *)(arguments);
}

static ck_ulong finalize(void *reserved) {
    begin(FINALIZE);
    forget(0, 1);
    return REAL(FINALIZE, void *)(reserved);
}

static ck_ulong get_token_info(ck_ulong slot, ck_byte *info) {
    ck_ulong code = begin(GET_TOKEN_INFO);
    if (!code) code = REAL(GET_TOKEN_INFO, ck_ulong, ck_byte *)(slot, info);
    if (!code) *(ck_ulong *)(info + 96) |= SET(TOKEN_FLAGS); /* after label, manufacturer, model and serial */
    return code;
}

static ck_ulong get_mechanism_info(ck_ulong slot, ck_ulong mechanism, void *info) {
    if (SET(GCM_OVER_ECB) && mechanism == CKM_AES_GCM) mechanism = CKM_AES_ECB;
    return REAL(GET_MECHANISM_INFO, ck_ulong, ck_ulong, void *)(slot, mechanism, info);
}

static ck_ulong open_session(ck_ulong slot, ck_ulong flags, void *application, void *notify, ck_ulong *session) {
    ck_ulong code = begin(OPEN_SESSION);
    if (code) return code;
    if (SET(READ_WRITE_ONLY) && !(flags & CKF_RW_SESSION)) return SESSION_PARALLEL_NOT_SUPPORTED;
    return REAL(OPEN_SESSION, ck_ulong, ck_ulong, void *, void *, ck_ulong *)(slot, flags, application, notify, session);
}

static ck_ulong close_session(ck_ulong session) {
    begin(CLOSE_SESSION);
    forget(session, 0);
    return REAL(CLOSE_SESSION, ck_ulong)(session);
}

static ck_ulong login(ck_ulong session, ck_ulong user, ck_byte *pin, ck_ulong length) {
    ck_ulong code = begin(LOGIN);
    wait_us(SET(LOGIN_DELAY_US));
    return code ? code : REAL(LOGIN, ck_ulong, ck_ulong, ck_byte *, ck_ulong)(session, user, pin, length);
}

static ck_ulong find_objects_init(ck_ulong session, ck_attribute *attributes, ck_ulong count) {
    ck_ulong code = begin(FIND_OBJECTS_INIT);
    return code ? code : REAL(FIND_OBJECTS_INIT, ck_ulong, ck_attribute *, ck_ulong)(session, attributes, count);
}

static ck_ulong set_attribute_value(ck_ulong session, ck_ulong object, ck_attribute *attributes, ck_ulong count) {
    ck_ulong code = begin(SET_ATTRIBUTE_VALUE);
    if (SET(FROZEN_ATTRIBUTES)) return SET(FROZEN_ATTRIBUTES);
    return code ? code : REAL(SET_ATTRIBUTE_VALUE, ck_ulong, ck_ulong, ck_attribute *, ck_ulong)(session, object, attributes, count);
}

static ck_ulong generate_random(ck_ulong session, ck_byte *output, ck_ulong length) {
    ck_ulong code = begin(GENERATE_RANDOM);
    wait_us(SET(RANDOM_DELAY_US));
    return code ? code : REAL(GENERATE_RANDOM, ck_ulong, ck_byte *, ck_ulong)(session, output, length);
}

static ck_ulong connect_real(void) {
    const char *path = getenv("HYOK_TEST_MODULE"), *file = getenv("HYOK_TEST_CONTROL");
    int descriptor = file ? open(file, O_RDWR) : -1;
    if (!path || descriptor < 0) return GENERAL_ERROR;
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (memory == MAP_FAILED) return GENERAL_ERROR;
    control = memory;
    void *library = dlopen(path, RTLD_NOW);
    if (!library) return GENERAL_ERROR;
    ck_ulong (*get)(ck_function_list **) = (ck_ulong(*)(ck_function_list **))dlsym(library, "C_GetFunctionList");
    return get ? get(&real) : GENERAL_ERROR;
}

ck_ulong C_GetFunctionList(ck_function_list **given) {
    ck_ulong code = connect_real();
    if (code) return code;
    list = *real;
    list.functions[INITIALIZE] = initialize;
    list.functions[FINALIZE] = finalize;
    list.functions[GET_FUNCTION_LIST] = C_GetFunctionList;
    list.functions[GET_TOKEN_INFO] = get_token_info;
    list.functions[GET_MECHANISM_INFO] = get_mechanism_info;
    list.functions[OPEN_SESSION] = open_session;
    list.functions[CLOSE_SESSION] = close_session;
    list.functions[LOGIN] = login;
    list.functions[FIND_OBJECTS_INIT] = find_objects_init;
    list.functions[SET_ATTRIBUTE_VALUE] = set_attribute_value;
    list.functions[ENCRYPT_INIT] = encrypt_init;
    list.functions[ENCRYPT] = encrypt;
    list.functions[DECRYPT_INIT] = decrypt_init;
    list.functions[DECRYPT] = decrypt;
    list.functions[GENERATE_RANDOM] = generate_random;
    *given = &list;
    return OK;
}
