/* "No such object": the caller then walks all of them by dl_iterate_phdr. */
int _dl_find_object(void *address, void *result) {
    (void)address, (void)result;
    return -1;
}
