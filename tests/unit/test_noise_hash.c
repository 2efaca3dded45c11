/* test_noise_hash.c - are hash, HMAC and HKDF those of everybody else? The expected values were made with Python's hashlib and hmac. */
#include "support.h"

#include "../../src/channel/hash.h"

static const struct pyn_view nothing;

static void the_hash_is_blake2b_of_both_parts(void **state)
{
    uint8_t out[PYN_HASH_LEN];
    uint8_t same[PYN_HASH_LEN];

    pyn_hash(pyn_view_of("ab"), pyn_view_of("c"), out);
    assert_true(support_is_hex((struct pyn_view){out, sizeof out},
                               "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                               "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"));
    pyn_hash(nothing, pyn_view_of("abc"), same);
    assert_memory_equal(out, same, sizeof out);
}

static void the_hash_may_be_written_over_its_input(void **state)
{
    uint8_t out[PYN_HASH_LEN] = {1, 2, 3};
    uint8_t copy[PYN_HASH_LEN] = {1, 2, 3};
    uint8_t wanted[PYN_HASH_LEN];

    pyn_hash((struct pyn_view){copy, sizeof copy}, pyn_view_of("x"), wanted);
    pyn_hash((struct pyn_view){out, sizeof out}, pyn_view_of("x"), out);
    assert_memory_equal(out, wanted, sizeof out);
}

static void hmac_is_that_of_pythons_library(void **state)
{
    uint8_t key[128];
    uint8_t out[PYN_HASH_LEN];

    pyn_hmac(pyn_view_of("key"), pyn_view_of("The quick brown fox "), pyn_view_of("jumps over the lazy dog"), out);
    assert_true(support_is_hex((struct pyn_view){out, sizeof out},
                               "92294f92c0dfb9b00ec9ae8bd94d7e7d8a036b885a499f149dfe2fd2199394aa"
                               "af6b8894a1730cccb2cd050f9bcf5062a38b51b0dab33207f8ef35ae2c9df51b"));
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)i;
    }
    pyn_hmac((struct pyn_view){key, sizeof key}, nothing, nothing, out);
    assert_true(support_is_hex((struct pyn_view){out, sizeof out},
                               "e79ec585fc83408cd654da61cc87457edd77cae194e6e4727420fa21a001229e"
                               "d67f1fb7bb03effaaaec05d2d7902f98bfad11da65b4c08d197eefa96f314b31"));
}

static void hkdf_gives_two_or_three_outputs(void **state)
{
    uint8_t chaining[PYN_HASH_LEN];
    uint8_t out[3][PYN_HASH_LEN] = {{0}};

    for (size_t i = 0; i < sizeof chaining; i++) {
        chaining[i] = (uint8_t)i;
    }
    pyn_hkdf(chaining, pyn_view_of("input"), 2, out);
    assert_true(support_is_hex((struct pyn_view){out[0], PYN_HASH_LEN},
                               "854ff4e7e6074bfe92f1a96cf706260641f9ba6fca788196587193a2664aed71"
                               "dba5f8f8c078f3eedf196c3af46e417d0a8c8c43f79ead81c8714d03e501eded"));
    assert_true(support_is_hex((struct pyn_view){out[1], PYN_HASH_LEN},
                               "ce5595eb115a20218998812f1f84dad889b56b766edaad0fd39d8268762d3e9f"
                               "56b6507ac77dc73ca13b4c2f0e4b704ef3c3c40d98920e63df5c70239610d8ab"));
    assert_int_equal(out[2][0], 0);
    pyn_hkdf(chaining, pyn_view_of("input"), 3, out);
    assert_true(support_is_hex((struct pyn_view){out[2], PYN_HASH_LEN},
                               "beb822d32dd50dffe84d52733d99602527506d06113800adb0420f3a909756ef"
                               "18c4ce35880d93af067921ceeca8fe90a2a6f9dcd32d831d5b69467105193f19"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_blake2b_of_both_parts),
        cmocka_unit_test(the_hash_may_be_written_over_its_input),
        cmocka_unit_test(hmac_is_that_of_pythons_library),
        cmocka_unit_test(hkdf_gives_two_or_three_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
